"""What a model of tables answers, by its own library: the reference for its export."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROBABILITIES = "probabilities"
SCORES = "scores"
PREDICTION = "prediction"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A function from rows to the answers of a model's own library."""

    name: str
    """The name of the output: `PROBABILITIES`, `SCORES` or `PREDICTION`."""

    function: Callable[[Any], Any]
    """Takes rows, as the library reads them."""

    classes: tuple[str, ...] | None = None
    """The names of the classes, in the order of the columns of the answer."""

    def __call__(self, rows: Any) -> NDArray[np.float32]:  # noqa: ANN401 - as the library has them
        """Return the answers to rows: one number for each, or one for each class."""
        answer = np.asarray(self.function(rows), dtype=np.float32)
        return answer.reshape(-1) if answer.shape[1:] == (1,) else answer


def two_columns(scores: Any) -> NDArray[Any]:  # noqa: ANN401 - as above
    """Return the scores of two classes, where a library gives those of the second one alone."""
    array = np.asarray(scores)
    return np.stack([-array, array], axis=1) if array.ndim == 1 else array


def both_probabilities(second: Any) -> NDArray[Any]:  # noqa: ANN401 - as above
    """Return the probabilities of two classes, where a library gives those of the second one alone."""
    array = np.asarray(second)
    return np.stack([1 - array, array], axis=1) if array.ndim == 1 else array


def booster_answer(model: Any, booster: Any, *, is_classifier: bool) -> Answer:  # noqa: ANN401 - as above
    """Return what a booster of XGBoost or LightGBM answers.

    Args:
        model: the booster, or the estimator that it is of, which has the names of the classes.
        booster: the booster.
        is_classifier: whether it answers probabilities, of two classes those of the second one alone.

    """
    return Answer(
        name=PROBABILITIES if is_classifier else PREDICTION,
        function=(lambda rows: both_probabilities(booster.predict(rows)))
        if is_classifier
        else booster.predict,
        classes=names_of(model.classes_) if hasattr(model, "classes_") else None,
    )


def names_of(classes: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of classes, which may be numbers."""
    return tuple(str(value) for value in classes)
