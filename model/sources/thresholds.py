"""Round the thresholds of trees to float32, so that no float32 number changes its side."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest float32 numbers that are not above the thresholds.

    For a float32 x, `x <= threshold` is then what it was. The nearest float32, which converters write, may be
    above the threshold, and an x between both changes its side.
    """
    nearest = rounded(thresholds)
    with np.errstate(over="ignore"):
        below = np.nextafter(nearest.astype(np.float32), np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest).astype(np.float64)


def rounded(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the float32 numbers that are nearest to the thresholds.

    For a float64 x, which a service rounds to float32 too, `x <= threshold` is then what it was, also where x
    is the threshold itself.
    """
    with np.errstate(over="ignore"):
        return np.asarray(thresholds, dtype=np.float64).astype(np.float32).astype(np.float64)


def parts(value: object) -> Iterator[Any]:
    """Yield a scikit-learn estimator, and all estimators inside of it, each once."""
    seen: set[int] = set()
    ahead = [value]
    while ahead:
        part = ahead.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            ahead += part.values()
        elif isinstance(part, (list, tuple)):
            ahead += part
        elif isinstance(part, np.ndarray) and part.dtype == np.object_:
            ahead += part.ravel().tolist()
        elif hasattr(part, "get_params") and not isinstance(part, type):
            yield part
            ahead += vars(part).values()
