import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.errors import ParityError
from model.parity import Tolerance, compare

SAMPLES = {"x": np.arange(40, dtype=np.float32).reshape(10, 4)}


def eager(inputs):
    return {"y": inputs["x"] * 2}


def gate(export, model=eager, tolerance=Tolerance()):  # noqa: B008 - frozen
    return compare("onnx", model, export, SAMPLES, tolerance)


def changed(value, size=7, index=(3, 1)):
    """Answer as the model does, but for one value of one batch."""

    def run(inputs):
        answer = eager(inputs)["y"].copy()
        if len(answer) == size:
            answer[index] = value
        return {"y": answer}

    return run


def test_an_export_that_answers_alike_passes_with_no_difference():
    assert [each.max_abs_diff for each in gate(eager)] == [0, 0, 0]


def test_batches_of_several_sizes_are_compared_and_no_sample_is_used_twice():
    asked = []

    def run(inputs):
        asked.append(inputs["x"][:, 0].tolist())
        return eager(inputs)

    assert [each.batch_size for each in gate(run)] == [1, 2, 7]
    assert [len(batch) for batch in asked] == [1, 2, 7]
    assert sorted(np.concatenate(asked)) == SAMPLES["x"][:, 0].tolist()


def test_one_value_that_is_off_fails_and_the_message_says_where_and_by_how_much():
    with pytest.raises(ParityError, match=r"onnx .* batch size 7: y\[3, 1\] is 51, and 50 in the model"):
        gate(changed(51))


def test_a_small_difference_passes_and_is_reported_where_it_is():
    worst = gate(changed(50.001))[-1]
    assert (worst.batch_size, worst.worst_index) == (7, (3, 1))
    assert worst.max_abs_diff == pytest.approx(0.001, rel=0.01)
    assert worst.worst_ratio == pytest.approx(0.001 / (1e-4 + 1e-4 * 50), rel=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_fails(value):
    with pytest.raises(ParityError):
        gate(changed(value))


def test_not_a_number_fails_even_where_the_model_says_so_too():
    with pytest.raises(ParityError):
        gate(changed(np.nan), model=changed(np.nan))


def test_the_same_infinity_in_both_passes_and_the_opposite_fails():
    assert gate(changed(-np.inf), model=changed(-np.inf))[-1].max_abs_diff == 0
    with pytest.raises(ParityError):
        gate(changed(-np.inf), model=changed(np.inf))


def test_whole_numbers_must_be_equal():
    def count(inputs):
        return {"y": ((inputs["x"] + 1) * 1_000_000).astype(np.int64)}

    def miscount(inputs):
        return {"y": count(inputs)["y"] + 1}

    assert gate(count, model=count)
    with pytest.raises(ParityError):
        gate(miscount, model=count)


def test_an_export_frozen_to_one_batch_size_fails():
    with pytest.raises(ParityError, match=r"batch size 2 'y' is float32\[1, 4\], and float32\[2, 4\]"):
        gate(lambda inputs: {"y": eager(inputs)["y"][:1]})


def test_another_type_fails():
    with pytest.raises(ParityError, match="float64"):
        gate(lambda inputs: {"y": eager(inputs)["y"].astype(np.float64)})


def test_a_missing_output_fails():
    with pytest.raises(ParityError, match="'y' is nothing"):
        gate(lambda _inputs: {})


@given(
    arrays(np.float64, 5, elements=st.floats(-1e3, 1e3)),
    arrays(np.float64, 5, elements=st.floats(-1, 1)),
    st.floats(1e-6, 1e-2),
    st.floats(1e-6, 1e-2),
)
def test_the_verdict_is_that_of_numpy(values, change, rtol, atol):
    def run(inputs):
        return {"y": np.broadcast_to(values, (len(inputs["x"]), 5))}

    def other(inputs):
        return {"y": run(inputs)["y"] + change * 0.02}

    try:
        gate(other, model=run, tolerance=Tolerance(rtol=rtol, atol=atol))
        passes = True
    except ParityError:
        passes = False
    off = np.abs(values + change * 0.02 - values) / (atol + rtol * np.abs(values))
    # Rounding may decide either way on the bound itself.
    if np.abs(off.max() - 1) > 1e-9:
        assert passes == np.allclose(values + change * 0.02, values, rtol=rtol, atol=atol)
