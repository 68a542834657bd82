"""The example of an artifact with steps: a request, and the predictions that the export had for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import orjson

from app.signature import ArtifactError

STEPS = "steps"
"""The folder of an artifact that holds what its steps need."""

FILE = "example.json"
RTOL, ATOL = 1e-2, 1e-3
"""|number - expected| <= ATOL + RTOL * |expected|, as for the model's own sample."""

SHOWN = 80
"""Characters of a value that a message shows."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A request with its predictions."""

    request: object
    """The parsed JSON body of /predict; None where the sample of the artifact is the request."""

    predictions: object

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the example in the folder `steps` of an artifact.

        Raises:
            ArtifactError: it is missing or damaged.

        """
        file = folder / FILE
        try:
            content = cast(dict[str, Any], orjson.loads(file.read_bytes()))
            return cls(request=content["request"], predictions=content["predictions"])
        except OSError as error:
            raise ArtifactError(f"{file}: {error.strerror}; export the model again") from None
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{file} is damaged: {error!r}; export the model again") from None


def difference(answer: object, expected: object, place: str = "predictions") -> str | None:
    """Return where two JSON values differ by more than rounding, and how; None where they do not."""
    if isinstance(answer, bool | str | None) or isinstance(expected, bool | str | None):
        same = answer == expected and type(answer) is type(expected)
    elif isinstance(answer, int | float) and isinstance(expected, int | float):
        same = abs(answer - expected) <= ATOL + RTOL * abs(expected)
    elif isinstance(answer, dict) and isinstance(expected, dict):
        given, wanted = cast(dict[str, Any], answer), cast(dict[str, Any], expected)
        if given.keys() == wanted.keys():
            found = (difference(given[key], wanted[key], f"{place}.{key}") for key in wanted)
            return next(filter(None, found), None)
        same = False
    elif isinstance(answer, list) and isinstance(expected, list):
        items, others = cast(list[Any], answer), cast(list[Any], expected)
        if len(items) == len(others):
            pairs = zip(items, others, strict=True)
            found = (difference(*pair, f"{place}[{index}]") for index, pair in enumerate(pairs))
            return next(filter(None, found), None)
        same = False
    else:
        same = False
    return None if same else f"{place} is {_short(answer)}; at export it was {_short(expected)}"


def _short(value: Any) -> str:  # noqa: ANN401 - any JSON
    return orjson.dumps(value).decode()[:SHOWN]
