import sys
import tarfile
from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.local import debian
from tests.ops.conftest import Programs

DEBOOTSTRAP = """#!{python}
import os, sys
rootfs = sys.argv[-1]
for waste in {waste}:
    os.makedirs(os.path.join(rootfs, waste))
    open(os.path.join(rootfs, waste, "file"), "w").close()
open(os.path.join(rootfs, "python3"), "w").close()
sys.exit({status})
"""


@pytest.fixture
def archive(tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs.add("chroot")
    monkeypatch.setattr(debian, "ARCHIVE", tmp_path / "cache" / "debian.tar")
    return debian.ARCHIVE


def debootstrap(programs: Programs, status: int = 0) -> None:
    """Add a debootstrap that makes a small file system, and then exits with a status."""
    file = programs.folder / "debootstrap"
    file.write_text(DEBOOTSTRAP.format(python=sys.executable, waste=debian.WASTE, status=status))
    file.chmod(0o755)


def test_the_archive_has_python_and_no_documentation(archive: Path, programs: Programs):
    debootstrap(programs)

    debian.bootstrap()

    with tarfile.open(archive) as tar:
        files = {member.name for member in tar if member.isfile()}
    assert files == {"./python3"}
    assert [path.name for path in archive.parent.iterdir()] == ["debian.tar"]


def test_a_failed_debootstrap_leaves_no_file(archive: Path, programs: Programs):
    debootstrap(programs, status=1)

    with pytest.raises(OperationError, match="exited with 1"):
        debian.bootstrap()

    assert list(archive.parent.iterdir()) == []


def test_an_existing_archive_is_not_made_again(archive: Path, programs: Programs):
    archive.parent.mkdir()
    archive.write_text("made before")

    debian.bootstrap()

    assert archive.read_text() == "made before"
    assert programs.calls == []
