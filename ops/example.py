"""The example of an artifact with steps: a request, and the predictions that the export had for it."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

RELATIVE, ABSOLUTE = 1e-2, 1e-3
"""How far a number may differ from that of the export, whichever is more. The server has the same limits."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A request with its predictions."""

    request: Any
    """The body of /predict; None if the sample of the artifact is the request."""

    predictions: Any

    @classmethod
    def of(cls, artifact: Path) -> Self | None:
        """Read the example of an artifact; None if the model has no steps."""
        try:
            content = json.loads((artifact / "steps" / "example.json").read_text())
        except FileNotFoundError:
            return None
        return cls(request=content["request"], predictions=content["predictions"])

    def difference(self, predictions: object) -> str | None:
        """Return where predictions differ from those of the export; None if they are the same."""
        found, expected = dict(_leaves(predictions)), dict(_leaves(self.predictions))
        for place in dict.fromkeys([*expected, *found]):
            value, wanted = found.get(place, "nothing"), expected.get(place, "nothing")
            if not _same(value, wanted):
                return f"predictions{place} is {value!r}; at export it was {wanted!r}"
        return None


def _leaves(value: object, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values that are neither a list nor an object, each with its place."""
    if isinstance(value, dict) and value:
        for key, item in cast(dict[str, Any], value).items():
            yield from _leaves(item, f"{place}.{key}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(cast(list[Any], value)):
            yield from _leaves(item, f"{place}[{index}]")
    else:
        yield place, value


def _same(value: Any, wanted: Any) -> bool:  # noqa: ANN401 - any JSON
    if type(value) in {int, float} and type(wanted) in {int, float}:
        return math.isclose(value, wanted, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(value) is type(wanted) and value == wanted
