import stat

import pytest

from model.artifact import artifacts, new, point_latest, size


def write(path, text="{}"):
    with new(path) as draft:
        (draft / "signature.json").write_text(text)


def test_an_artifact_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "cats" / "1"
    with new(path) as draft:
        (draft / "signature.json").write_text("{}")
        assert not path.exists()
        assert draft.parent.parent == path.parent
    assert (path / "signature.json").read_text() == "{}"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(FileNotFoundError), new(tmp_path / "cats" / "1") as draft:
        (draft / "none" / "signature.json").write_text("{}")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_other_versions_as_they_are(tmp_path):
    write(tmp_path / "cats" / "1")
    with pytest.raises(FileNotFoundError), new(tmp_path / "cats" / "2") as draft:
        (draft / "none" / "signature.json").write_text("{}")
    assert [path.name for path in (tmp_path / "cats").iterdir()] == ["1"]


def test_a_server_that_runs_as_another_user_may_read_it(tmp_path):
    write(tmp_path / "cats" / "1")
    mode = (tmp_path / "cats" / "1").stat().st_mode
    assert mode & stat.S_IROTH
    assert mode & stat.S_IXOTH


def test_latest_is_a_relative_link_that_moves(tmp_path):
    for version in ("1", "2"):
        write(tmp_path / "cats" / version, version)
        point_latest(tmp_path / "cats" / version)
        latest = tmp_path / "cats" / "latest"
        assert latest.readlink().as_posix() == version
        assert (latest / "signature.json").read_text() == version
    assert sorted(path.name for path in (tmp_path / "cats").iterdir()) == ["1", "2", "latest"]


def test_artifacts_are_listed_once_each(tmp_path):
    for name, version in [("dogs", "1"), ("cats", "2"), ("cats", "1")]:
        write(tmp_path / name / version)
        point_latest(tmp_path / name / version)
    (tmp_path / "cats" / ".3-unfinished").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in artifacts(tmp_path)]
    assert found == ["cats/1", "cats/2", "dogs/1"]


def test_size_counts_all_files(tmp_path):
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"12345")
    (tmp_path / "signature.json").write_bytes(b"123")
    assert size(tmp_path) == 8
