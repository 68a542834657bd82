import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.errors import ExportError, ParityError, UsageError
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
    assert [difference.max_abs_diff for difference in gate(eager)] == [0, 0, 0]


def test_batches_of_several_sizes_are_compared_and_no_sample_is_used_twice():
    asked = []

    def run(inputs):
        asked.append(inputs["x"][:, 0].tolist())
        return eager(inputs)

    assert [difference.batch_size for difference in gate(run)] == [1, 2, 7]
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
def test_the_verdict_is_that_of_the_rule(values, change, rtol, atol):
    changed_values = values + change * 0.02

    def run(inputs):
        return {"y": np.broadcast_to(values, (len(inputs["x"]), 5))}

    def other(inputs):
        return {"y": np.broadcast_to(changed_values, (len(inputs["x"]), 5))}

    try:
        gate(other, model=run, tolerance=Tolerance(rtol=rtol, atol=atol))
        passes = True
    except ParityError:
        passes = False
    largest = np.abs(values).max()
    bound = np.maximum(atol * min(1, largest) + rtol * np.abs(values), min(2 * 2.0**-23, largest / 16))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        off = np.nan_to_num(np.abs(changed_values - values) / bound)
    # Rounding may decide either way on the bound itself.
    if np.abs(off.max() - 1) > 1e-9:
        assert passes == bool((np.abs(changed_values - values) <= bound).all())


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).astype(np.float32)


PROBABILITIES = softmax(np.random.default_rng(0).normal(size=(10, 20_000)))
CONFIDENT = np.eye(1, 20_000, dtype=np.float32) * 0.99


@pytest.mark.parametrize(
    "answers",
    [
        PROBABILITIES,
        np.concatenate([PROBABILITIES[:4], CONFIDENT, PROBABILITIES[5:]]),
        PROBABILITIES[:, :1],
        PROBABILITIES * np.float32(1e-20),
        np.full((10, 3), 1e-6, np.float16),
        np.full((10, 3), 1e5),
    ],
    ids=["many classes", "one sample is sure", "one value", "tiny", "half precision", "large"],
)
def test_zeros_never_pass_for_the_answer_and_rounding_does(answers):
    samples = {"x": np.arange(10)[:, None]}

    def model(inputs):
        return {"y": answers[inputs["x"][:, 0]]}

    def rounded(inputs):
        return {"y": np.nextafter(model(inputs)["y"], answers.dtype.type(9))}

    compare("onnx", model, rounded, samples, Tolerance())
    with pytest.raises(ParityError, match="does not answer as the model does"):
        compare("onnx", model, lambda inputs: {"y": 0 * model(inputs)["y"]}, samples, Tolerance())


@pytest.mark.parametrize(("rtol", "atol"), [(1, 0), (0.5, 0.5), (0, 3)])
def test_a_tolerance_that_zeros_would_meet_is_refused(rtol, atol):
    with pytest.raises(UsageError, match="would tolerate an answer of zeros"):
        Tolerance(rtol=rtol, atol=atol)


def test_a_model_that_changes_its_mind_is_told_from_an_export_that_is_wrong():
    noise = np.random.default_rng(0)

    def noisy(inputs):
        return {"y": eager(inputs)["y"] + noise.normal(size=inputs["x"].shape).astype(np.float32)}

    with pytest.raises(ExportError, match="the model itself answers differently each time: 'y'"):
        gate(eager, model=noisy)
