from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.models import Model


def model(labels: tuple[str, ...] | None) -> Model:
    return Model(
        name="tiny",
        artifact=Path("tiny"),
        sample=np.zeros((2, 3), np.float32),
        expected=np.array([0.1, 0.7, 0.2], np.float32),
        labels=labels,
    )


@pytest.mark.parametrize("answer", [[0.1, 0.7, 0.2], [[0.1, 0.7, 0.2]], [[0.1, 0.70001, 0.2]]])
def test_nested_scores_are_compared_flat(answer: object):
    model(None).check(answer, "a server")


@pytest.mark.parametrize("answer", [[0.1, 0.2, 0.7], [0.1, 0.7], [0.1, 0.71, 0.2], 1, None])
def test_wrong_scores_are_an_error(answer: object):
    with pytest.raises(BenchError, match=r"a server answers .*, which is not the output of tiny"):
        model(None).check(answer, "a server")


@pytest.mark.parametrize("answer", ["dog", 1, [1], [[1]]])
def test_the_best_class_may_be_a_label_or_an_index(answer: object):
    model(("cat", "dog", "bird")).check(answer, "a server")


@pytest.mark.parametrize("answer", ["cat", 0, [1, 1], [0.1, 0.7, 0.2]])
def test_a_wrong_class_is_an_error(answer: object):
    with pytest.raises(BenchError, match="which is not the output of tiny"):
        model(("cat", "dog", "bird")).check(answer, "a server")


def test_a_shape_is_written_as_numbers_with_commas():
    assert model(None).shape == "2,3"
