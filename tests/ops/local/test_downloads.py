from pathlib import Path

import pytest

from ops.local import downloads


class Machine:
    """What is there already."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs = folder / "programs"
        self.go: Path | None = None
        self.packages: list[str] = ["runc"]
        self.has_base_image = False
        monkeypatch.setattr(downloads, "folder_of", lambda _: self.programs)
        monkeypatch.setattr(downloads, "find_go", lambda _: self.go)
        monkeypatch.setattr(downloads, "missing_packages", lambda: self.packages)
        monkeypatch.setattr(downloads, "has_base_image", lambda: self.has_base_image)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that a person is told, without the sum."""
    return [line.split(":")[0].strip() for line in capsys.readouterr().err.splitlines()[1:]]


PARTS = (downloads.PACKAGES, downloads.TOOLCHAIN, downloads.MODULES, downloads.BASE_IMAGE)


@pytest.mark.usefixtures("machine")
def test_on_a_new_machine_every_download_and_the_sum_are_printed(capsys: pytest.CaptureFixture[str]):
    downloads.announce()

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"to download: about {sum(part.downloaded for part in PARTS)} MB")
    assert [line.split(":")[0].strip() for line in lines[1:]] == [part.what for part in PARTS]


def test_an_existing_download_is_not_printed(machine: Machine, capsys: pytest.CaptureFixture[str]):
    machine.packages = []
    machine.go = Path("/usr/bin/go")

    downloads.announce()

    assert told(capsys) == [downloads.MODULES.what, downloads.BASE_IMAGE.what]


def test_go_is_not_downloaded_if_the_programs_are_built(machine: Machine, capsys: pytest.CaptureFixture[str]):
    machine.programs.mkdir()

    downloads.announce()

    assert told(capsys) == [downloads.PACKAGES.what, downloads.BASE_IMAGE.what]


def test_nothing_is_printed_if_nothing_is_missing(machine: Machine, capsys: pytest.CaptureFixture[str]):
    machine.programs.mkdir()
    machine.packages = []
    machine.has_base_image = True

    downloads.announce()

    assert capsys.readouterr().err == ""
