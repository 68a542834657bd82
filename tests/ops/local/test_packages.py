from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.local import packages
from tests.ops.conftest import Programs


@pytest.fixture(autouse=True)
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three packages, on a machine without systemd."""
    monkeypatch.setattr(packages, "PACKAGES", {"one": "the-one", "two": "the-two", "three": "the-three"})
    monkeypatch.setattr(packages, "SERVICE", "the-one")
    monkeypatch.setattr(packages, "_SYSTEMD", tmp_path / "no-systemd")


def test_only_what_is_missing_is_installed(only: Programs):
    only.add("two")
    only.add("apt-get")

    packages.install_packages()

    assert only.lines == [
        "apt-get update",
        "apt-get install --yes --no-install-recommends the-one the-three",
    ]


def test_apt_is_not_called_if_nothing_is_missing(only: Programs):
    for name in ("one", "two", "three", "apt-get"):
        only.add(name)

    packages.install_packages()

    assert only.lines == []


@pytest.mark.usefixtures("only")
def test_the_error_without_apt_names_the_packages():
    with pytest.raises(OperationError, match=r"install these programs first: the-one, the-three, the-two"):
        packages.install_packages()


def test_a_package_without_a_program_is_found_by_its_file(
    only: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(packages, "PACKAGES", {str(tmp_path / "keys.gpg"): "keys"})
    assert packages.missing_packages() == ["keys"]

    (tmp_path / "keys.gpg").touch()

    assert packages.missing_packages() == []
    assert only.lines == []


def test_the_service_that_the_registrys_package_starts_is_stopped(
    only: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(packages, "_SYSTEMD", tmp_path)
    for name in ("apt-get", "systemctl"):
        only.add(name)

    packages.install_packages()

    assert only.lines[-1] == "systemctl disable --now the-one"


def test_a_registry_that_was_installed_before_is_not_stopped(
    only: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(packages, "_SYSTEMD", tmp_path)
    for name in ("one", "apt-get", "systemctl"):
        only.add(name)

    packages.install_packages()

    assert not [line for line in only.lines if line.startswith("systemctl")]
