import numpy as np
import pytest

from model.errors import ExportError
from model.samples import all_equal, check, noise, read, take, varied


def test_samples_are_taken_in_their_order():
    x = np.arange(12).reshape(4, 3)
    assert take({"x": x}, range(1, 3))["x"].tolist() == x[1:3].tolist()


def test_where_samples_run_out_they_come_again_shifted_so_that_no_two_rows_are_alike():
    batch = take({"x": np.array([[1, 2, 3], [4, 5, 6]])}, range(6))["x"]
    assert batch.tolist() == [[1, 2, 3], [4, 5, 6], [3, 1, 2], [6, 4, 5], [2, 3, 1], [5, 6, 4]]


def test_a_sample_of_one_number_is_repeated():
    assert take({"x": np.array([7.0])}, range(3))["x"].tolist() == [7, 7, 7]


def test_noise_is_the_same_every_time_and_its_rows_are_not():
    assert noise([2, 3]).shape[1:] == (2, 3)
    assert (noise([2, 3]) == noise([2, 3])).all()
    assert not (noise([2, 3])[0] == noise([2, 3])[1]).any()


def test_an_npz_file_names_its_inputs(tmp_path):
    np.savez(tmp_path / "x.npz", ids=np.ones((2, 5), np.int64), mask=np.ones((2, 5), np.bool_))
    assert list(read("--example", tmp_path / "x.npz", "input")) == ["ids", "mask"]


def test_an_npy_file_holds_the_named_input(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 5)))
    assert read("--example", tmp_path / "x.npy", "ids")["ids"].shape == (2, 5)


@pytest.mark.parametrize("array", [np.float32(1), np.zeros((0, 3))])
def test_an_array_without_samples_is_refused(array):
    with pytest.raises(ExportError, match="first axis"):
        check({"input": np.asarray(array)})


def test_a_file_of_objects_is_refused_and_not_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object))
    with pytest.raises(ExportError, match=r"x\.npy"):
        read("--example", tmp_path / "x.npy", "input")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"none\.npy"):
        read("--example", tmp_path / "none.npy", "input")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": np.ones((8, 2)), "mask": np.ones((3, 2))}, r"number of rows: 'ids' has 8, 'mask' has 3"),
        ({"when": np.array([["2026-01-01"]], "M8[D]")}, r"'when' holds datetime64\[D\]"),
        ({"wave": np.ones((2, 3), np.complex64)}, "'wave' holds complex64.*convert the values"),
        ({"text": np.array([[b"a"], [b"b"]])}, r"'text' holds \|S1, and an input holds bool, .*, str"),
        ({}, "no array to use as an input"),
    ],
)
def test_arrays_that_are_no_samples_of_one_model_are_refused(arrays, message):
    with pytest.raises(ExportError, match=message):
        check(arrays)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\xff\xd8\xff\xe0 a photograph", b"1,2,3"])
def test_a_file_that_holds_no_arrays_is_refused_with_what_writes_one(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ExportError, match=r"numpy\.save\(FILE, array\).* a photograph needs --image"):
        read("--example", tmp_path / "x.npz", "input")


def test_numbers_of_the_other_byte_order_are_turned(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6, dtype=">f4").reshape(2, 3))
    array = read("--example", tmp_path / "x.npy", "input")["input"]
    assert (array.dtype.str, array.tolist()) == ("<f4", [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("value", [0, 5, -1])
def test_samples_that_are_all_alike_are_moved_apart_but_for_the_first(value):
    made = varied({"x": np.full((1, 3), value, np.float32)}, 4)["x"]
    assert made[0].tolist() == [value] * 3
    assert len(np.unique(made, axis=0)) == 4


def test_samples_that_differ_stay_as_they_are():
    x, ids = np.arange(6.0).reshape(2, 3), np.ones((2, 3), np.int64)
    assert varied({"x": x, "ids": ids}, 2)["x"].tolist() == x.tolist()


def test_equal_samples_of_whole_numbers_are_shifted_within_their_own_values():
    made = varied({"ids": np.tile([4, 5, 6], (3, 1))}, 3)["ids"]
    assert made.tolist() == [[4, 5, 6], [6, 4, 5], [5, 6, 4]]


def test_equal_samples_with_missing_values_are_moved_apart():
    made = varied({"x": np.tile(np.array([np.nan, 1], np.float32), (3, 1))}, 3)["x"]
    assert np.isnan(made[:, 0]).all()
    assert len(set(made[:, 1].tolist())) == 3


@pytest.mark.parametrize(
    ("array", "equal"),
    [
        (np.full((3, 2), 7), True),
        (np.full((3, 2), np.nan), True),
        (np.array([1, 1, 2]), False),
        (np.array([True, True]), True),
    ],
)
def test_a_batch_of_equal_rows_is_told_from_others(array, equal):
    assert all_equal({"x": array}) is equal
