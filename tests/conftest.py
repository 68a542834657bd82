"""Fixtures of several folders: a stack with an artifact to serve. And which tests are slow."""

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test

from infra.settings import Settings
from ops.stack import Stack
from tests.parsing import parse

SLOW_FIXTURES = {"start", "start_module", "browser", "clouds", "exported", "gate", "promtool_is_there"}
"""Fixtures that start a server, a browser or promtool, load the SDK of a cloud, or export a model."""

LEFT_OUT = re.compile(r"^pytestmark = \[?pytest\.mark\.(slow|exhaustive|serial)\b", re.MULTILINE)
"""Found in a module whose tests `make check` all leaves out."""

FAST = "not slow and not exhaustive and not serial"
"""The expression with which `make check` selects tests."""

read_stack = functools.cache(Stack.read)
"""Reads the YAML files of a stack once: to parse them takes longer than most tests that need them."""

VERSION = "0123456789ab"
StackOf = Callable[..., Stack]
SettingsOf = Callable[..., Settings]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use a slow fixture as slow, and tests of properties as exhaustive."""
    for item in items:
        if isinstance(item, pytest.Function) and SLOW_FIXTURES & {*item.fixturenames}:
            item.add_marker(pytest.mark.slow)
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.exhaustive)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip modules without a fast test in `make check`: what they import takes seconds."""
    if config.getoption("markexpr") != FAST or collection_path.suffix != ".py":
        return None
    return True if LEFT_OUT.search(collection_path.read_text()) else None


def write_artifact(folder: Path, name: str, version: str, formats: tuple[str, ...] = ("onnx",)) -> Path:
    """Write as much of an artifact as deploying it reads."""
    artifact = folder / name / version
    artifact.mkdir(parents=True)
    (artifact / "signature.json").write_text(
        json.dumps({"name": name, "version": version, "formats": formats})
    )
    return artifact


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that writes the files in `tests/infra/golden` anew."""
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/infra/golden anew, then compare"
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A model directory with one version of one model, `latest`."""
    folder = tmp_path / "models"
    write_artifact(folder, "tiny", VERSION)
    (folder / "tiny" / "latest").symlink_to(VERSION)
    return folder


@pytest.fixture
def stack_of(models: Path) -> StackOf:
    """A stack like `prod` that serves that model; keywords change its configuration, None unsets a key.

    A key of a provider is given with its namespace, `gcp:zone`.
    """

    def stack(name: str = "prod", *, secret: dict[str, str] | None = None, **config: str | None) -> Stack:
        read = read_stack(name)
        served = {"model": "tiny", "modelVersion": "latest", "modelDirectory": str(models)}
        given = {**served, **config, **(secret or {})}
        keys = {key if ":" in key else f"slipway:{key}": value for key, value in given.items()}
        merged = {key: value for key, value in {**read.config, **keys}.items() if value is not None}
        secret_keys = frozenset(f"slipway:{key}" for key in secret or {})
        return Stack(project=read.project, name=name, config=merged, secret_keys=secret_keys)

    return stack


@pytest.fixture
def settings_of(stack_of: StackOf) -> SettingsOf:
    """The settings of a stack like `prod`, changed by keywords."""
    return lambda *args, **config: parse(stack_of(*args, **config))
