"""pip's settings, for uv."""

import os
import sys
from pathlib import Path

import pytest

from ops.environment.indexes import uv_environment, wheel_folders

pytestmark = pytest.mark.slow

PYTHON = Path(sys.executable)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No settings but a test's own, which it writes into this pip.conf."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_INDEX_STRATEGY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    return tmp_path / "pip.conf"


def test_uv_uses_the_index_and_the_certificates_of_pip_conf(bare: Path):
    bare.write_text("[global]\nindex-url = https://mirror.example/simple\ncert = /etc/ca.pem\n")

    environment = uv_environment(PYTHON)

    assert environment["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert environment["SSL_CERT_FILE"] == "/etc/ca.pem"


def test_a_variable_of_pip_overrides_its_file(bare: Path, monkeypatch: pytest.MonkeyPatch):
    bare.write_text("[global]\nindex-url = https://file.example/simple\n")
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.example/simple")

    assert uv_environment(PYTHON)["UV_DEFAULT_INDEX"] == "https://variable.example/simple"


def test_a_variable_of_uv_is_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")

    assert uv_environment(PYTHON)["UV_DEFAULT_INDEX"] == "https://uv.example/simple"


def test_uv_takes_the_best_version_of_several_indexes_as_pip_does(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://one.example/simple https://two.example/simple")

    environment = uv_environment(PYTHON)

    assert environment["UV_INDEX"] == "https://one.example/simple https://two.example/simple"
    assert environment["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_uv_uses_the_folders_of_wheels_that_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", f"{first} {tmp_path / 'missing'} {second} https://wheels.example/")

    environment = uv_environment(PYTHON)

    assert environment["UV_FIND_LINKS"] == f"{first},{second},https://wheels.example/"
    assert wheel_folders(environment) == [first, second]


def test_without_settings_uv_uses_its_own_defaults(monkeypatch: pytest.MonkeyPatch):
    # So pip reads no file at all, the machine's own among them.
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "SSL_CERT_FILE"} & {*uv_environment(PYTHON)}
