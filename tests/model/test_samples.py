import numpy as np
import pytest

from model.errors import ExportError
from model.samples import noise, read, rows


def test_rows_are_the_samples_in_their_order():
    x = np.arange(12).reshape(4, 3)
    assert rows({"x": x}, range(1, 3))["x"].tolist() == x[1:3].tolist()


def test_where_samples_run_out_they_come_again_shifted_so_that_no_two_rows_are_alike():
    batch = rows({"x": np.array([[1, 2, 3], [4, 5, 6]])}, range(6))["x"]
    assert batch.tolist() == [[1, 2, 3], [4, 5, 6], [3, 1, 2], [6, 4, 5], [2, 3, 1], [5, 6, 4]]


def test_a_sample_of_one_number_is_repeated():
    assert rows({"x": np.array([7.0])}, range(3))["x"].tolist() == [7, 7, 7]


def test_noise_is_the_same_every_time_and_its_rows_are_not():
    assert noise([2, 3]).shape[1:] == (2, 3)
    assert (noise([2, 3]) == noise([2, 3])).all()
    assert not (noise([2, 3])[0] == noise([2, 3])[1]).any()


def test_an_npz_file_names_its_inputs(tmp_path):
    np.savez(tmp_path / "x.npz", ids=np.ones((2, 5), np.int64), mask=np.ones((2, 5), np.bool_))
    assert list(read(tmp_path / "x.npz", "input")) == ["ids", "mask"]


def test_an_npy_file_holds_the_named_input(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 5)))
    assert read(tmp_path / "x.npy", "ids")["ids"].shape == (2, 5)


@pytest.mark.parametrize("array", [np.float32(1), np.zeros((0, 3))])
def test_an_array_without_samples_is_refused(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ExportError, match="first axis"):
        read(tmp_path / "x.npy", "input")


def test_a_file_of_objects_is_refused_and_not_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object))
    with pytest.raises(ExportError, match=r"x\.npy"):
        read(tmp_path / "x.npy", "input")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"none\.npy"):
        read(tmp_path / "none.npy", "input")
