"""Settings from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.cpu import cpu_limit
from app.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SLIPWAY_{name.upper()}", raising=False)


def test_without_an_environment_the_defaults_are_used():
    settings = Settings.load()

    assert settings.model_path == Path("/model")
    assert (settings.runtime, settings.device, settings.batch_size) == ("onnx", "auto", 32)
    assert settings.log_level == "info"
    assert (settings.host, settings.port, settings.metrics_port) == ("0.0.0.0", 8000, 8001)
    assert settings.max_body_bytes == 8 * 1024 * 1024
    assert (settings.drain_delay_seconds, settings.drain_timeout_seconds) == (0, 10)
    assert settings.threads == cpu_limit()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("model_path", "/elsewhere", Path("/elsewhere")),
        ("runtime", "torchscript", "torchscript"),
        ("device", "gpu", "gpu"),
        ("batch_size", "4", 4),
        ("threads", "3", 3),
        ("log_level", "debug", "debug"),
        ("host", "127.0.0.1", "127.0.0.1"),
        ("port", "80", 80),
        ("metrics_port", "81", 81),
        ("max_body_bytes", "9", 9),
        ("drain_delay_seconds", "0.5", 0.5),
        ("drain_timeout_seconds", "7", 7),
    ],
)
def test_each_setting_has_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object):
    monkeypatch.setenv(f"SLIPWAY_{name.upper()}", text)

    assert getattr(Settings.load(), name) == value


def test_all_errors_are_reported_at_once_with_variable_value_and_rule(monkeypatch: pytest.MonkeyPatch):
    wrong = {
        "RUNTIME": "caffe",
        "BATCH_SIZE": "0",
        "PORT": "70000",
        "THREADS": "many",
        "DRAIN_DELAY_SECONDS": "inf",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(f"SLIPWAY_{name}", value)

    with pytest.raises(SettingsError) as caught:
        Settings.load()

    lines = str(caught.value).splitlines()
    assert len(lines) == len(wrong)
    for name, value in wrong.items():
        assert any(line.startswith(f"SLIPWAY_{name}={value}: ") for line in lines)
    assert "'onnx', 'torchscript' or 'savedmodel'" in str(caught.value)
    assert "less than or equal to 65535" in str(caught.value)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Settings.load().port = 1  # type: ignore[misc]


def test_an_idle_connection_outlives_that_of_a_load_balancer():
    # AWS's and nginx close an idle connection after 60 s. If the server closed it first, a request could meet
    # a closed connection.
    assert Settings().keep_alive_seconds > 60


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", ("*",)),
        ("", ()),
        (
            "https://a.example.com, http://localhost:3000,https://[::1]:8443",
            ("https://a.example.com", "http://localhost:3000", "https://[::1]:8443"),
        ),
    ],
)
def test_origins_are_written_with_commas(
    monkeypatch: pytest.MonkeyPatch, text: str, origins: tuple[str, ...]
):
    monkeypatch.setenv("SLIPWAY_CORS_ORIGINS", text)

    assert Settings.load().cors_origins == origins


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            ("CORS_ORIGINS", origin)
            for origin in (
                "https://a.example.com/",
                "https://a.example.com:443",
                "http://a.example.com:80",
                "https://A.example.com",
                "https://*.example.com",
                "https://user@a.example.com",
                "a.example.com",
                "null",
                "*,https://a.example.com",
            )
        ),
        *(
            ("ROOT_PATH", path)
            for path in ("/", "models", "/models/", "//models", "/a b", "/%41", "/v2", "/web/x", "/health")
        ),
    ],
)
def test_what_no_browser_and_no_proxy_sends_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, text: str):
    monkeypatch.setenv(f"SLIPWAY_{name}", text)

    with pytest.raises(SettingsError, match=f"SLIPWAY_{name}="):
        Settings.load()


def test_a_root_path_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLIPWAY_ROOT_PATH", "/models/digits-2.v1")

    assert Settings.load().root_path == "/models/digits-2.v1"
