from pathlib import Path

import pytest

from ops.local.whole import made_whole, remove


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "programs"


def test_the_path_does_not_exist_before_it_is_complete(path: Path):
    with made_whole(path) as draft:
        draft.mkdir()
        assert not path.exists()

    assert path.is_dir()
    assert not draft.exists()


def test_nothing_is_left_after_a_failure(path: Path):
    def fail() -> None:
        with made_whole(path) as draft:
            draft.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert list(path.parent.iterdir()) == []


def test_the_draft_of_a_killed_attempt_is_removed_first(path: Path):
    path.parent.mkdir()
    path.with_name("programs.draft").write_text("half")

    with made_whole(path) as draft:
        assert not draft.exists()
        draft.mkdir()


def test_a_link_to_a_folder_is_removed_but_not_the_folder(tmp_path: Path):
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)

    remove(link)

    assert folder.is_dir()
    assert not link.is_symlink()
