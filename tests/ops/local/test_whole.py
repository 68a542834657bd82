from pathlib import Path

import pytest

from ops.local.whole import made_whole, remove


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "programs"


def test_it_is_not_there_before_it_is_whole(path: Path):
    with made_whole(path) as draft:
        draft.mkdir()
        assert not path.exists()

    assert path.is_dir()
    assert not draft.exists()


def test_after_a_failure_nothing_is_there(path: Path):
    def fail() -> None:
        with made_whole(path) as draft:
            draft.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert list(path.parent.iterdir()) == []


def test_what_a_killed_attempt_has_left_is_removed_first(path: Path):
    path.parent.mkdir()
    path.with_name("programs.draft").write_text("half")

    with made_whole(path) as draft:
        assert not draft.exists()
        draft.mkdir()


def test_a_link_to_a_folder_is_removed_and_the_folder_stays(tmp_path: Path):
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)

    remove(link)

    assert folder.is_dir()
    assert not link.is_symlink()
