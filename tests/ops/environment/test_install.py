"""What is installed, and by which command."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.environment import install as module
from ops.environment.groups import GROUPS, PROJECT, pinned, stamp
from ops.environment.install import ensure_pytorch, install
from ops.errors import OperationError
from tests.ops.conftest import Programs


@pytest.fixture
def environment(tmp_path: Path, programs: Programs) -> Path:
    """An environment whose uv and pip write down how they were called."""
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    programs.add("python", (["config", "list"], "global.index-url='https://mirror.example/simple'", 0))
    programs.add("uv", (["--version"], f"uv {pinned('uv').partition('==')[2]}", 0))
    for name in ("python", "uv"):
        (binaries / name).symlink_to(programs.folder / name)
    return binaries.parent


@pytest.fixture(autouse=True)
def index(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of CPU builds answers."""
    monkeypatch.setattr("ops.environment.torch_build._answers", lambda _: True)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)


def installed(programs: Programs) -> list[str]:
    """Return the arguments of the only call of `uv pip install`."""
    ((*arguments,),) = [call["arguments"] for call in programs.calls if call["arguments"][:1] == ["pip"]]
    return arguments


def test_a_group_is_installed_as_its_lock_pins_it(environment: Path, programs: Programs):
    install(["core", "clouds"], environment)

    arguments = installed(programs)
    assert arguments[arguments.index("--python") + 1] == str(environment / "bin" / "python")
    locks = [arguments[i + 1] for i, word in enumerate(arguments) if word == "--constraints"]
    assert locks == [str(PROJECT / "requirements.txt"), str(PROJECT / "requirements-clouds.txt")]
    assert [arguments[i + 1] for i, word in enumerate(arguments) if word == "--extra"] == [
        "gke",
        "eks",
        "aks",
    ]
    assert "--torch-backend" not in arguments


def test_pytorch_is_the_build_for_the_cpu(environment: Path, programs: Programs):
    install(["pytorch"], environment)

    arguments = installed(programs)
    assert arguments[arguments.index("--group") + 1] == "pytorch"
    assert arguments[arguments.index("--torch-backend") + 1] == "cpu"


@pytest.mark.parametrize("group", GROUPS)
def test_sizes_are_printed_before_anything_is_downloaded(
    environment: Path, programs: Programs, capfd: pytest.CaptureFixture[str], group: str
):
    programs.add("uv", (["--version"], f"uv {pinned('uv').partition('==')[2]}", 0), (["install"], "", 1))

    with pytest.raises(OperationError):
        install([group], environment)

    told = capfd.readouterr().err
    assert f"{GROUPS[group].download_mb} MB to download" in told
    assert f"{GROUPS[group].disk_mb} MB on disk" in told
    assert GROUPS[group].purpose in told
    assert not stamp(environment, group).exists()


def test_an_installed_group_leaves_a_stamp_for_make(environment: Path):
    install(["core", "checks"], environment)

    assert stamp(environment, "core").exists()
    assert stamp(environment, "checks").exists()
    assert not stamp(environment, "pytorch").exists()


def test_another_version_of_uv_is_replaced(environment: Path, programs: Programs):
    programs.add("uv", (["--version"], "uv 0.1.0", 0))

    install(["core"], environment)

    assert f"python -m pip install --quiet {pinned('uv')}" in programs.lines


def test_an_export_installs_pytorch_if_it_is_missing(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[list[str], Path]] = []
    monkeypatch.setattr(module, "install", lambda groups, environment: asked.append((groups, environment)))
    found = {"torch": None}
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: found.get(name))

    ensure_pytorch()

    assert asked == [(["pytorch"], Path(sys.prefix))]


def test_an_export_installs_nothing_if_pytorch_is_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "install", lambda *_: pytest.fail("installed"))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: object())

    ensure_pytorch()


def test_an_environment_with_a_supported_python_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(module, "output_of", lambda *_, **__: pytest.fail("made anew"))

    module._make(tmp_path, [sys.version_info[:2]])


def test_an_environment_with_another_python_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "kept").touch()
    commands: list[list[object]] = []
    monkeypatch.setattr(module, "output_of", lambda command, **_: commands.append(command))

    module._make(tmp_path, [(3, 11)])

    assert commands == [[sys.executable, "-m", "venv", tmp_path]]
    assert not (tmp_path / "kept").exists()


def test_the_error_for_a_python_without_pip_has_the_apt_command_if_it_needs_root(
    monkeypatch: pytest.MonkeyPatch, only: Programs
):
    only.add("apt-get")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    with pytest.raises(OperationError, match=rf"`sudo apt-get install .* python{version}-venv"):
        module._ensure_pip()


def test_root_on_debian_installs_the_missing_package(monkeypatch: pytest.MonkeyPatch, only: Programs):
    only.add("apt-get")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    module._ensure_pip()

    assert only.lines == [
        "apt-get update",
        f"apt-get install --yes --no-install-recommends python{version}-venv ca-certificates",
    ]


def test_this_package_runs_before_anything_is_installed():
    """Of a Python without its site-packages, as on a new machine."""
    command = [sys.executable, "-I", "-S", "-c"]
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import ops.environment.install"

    assert subprocess.run([*command, code], check=False).returncode == 0
