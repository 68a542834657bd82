"""The kinds of values that settings have, and the words in which one is refused."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

GROUP = ConfigDict(alias_generator=to_camel, extra="forbid")
"""How each group of settings is read: by the keys of `Pulumi.yaml`, and no others."""

OURS = "setting"
"""Type of the errors whose words are ours; pydantic's start with a capital."""


def wrong(allowed: str) -> PydanticCustomError:
    """Return the error that says what is allowed instead."""
    return PydanticCustomError(OURS, "{allowed}", {"allowed": allowed})


def _quantity(units: dict[str, Decimal]) -> Callable[[str], Decimal]:
    pattern = re.compile(rf"(\d+(?:\.\d+)?)({'|'.join(units)})", re.ASCII)

    def parse(text: str) -> Decimal:
        match = pattern.fullmatch(text)
        if match is None or Decimal(match[1]) == 0:
            allowed = ", ".join(unit for unit in units if unit)
            raise wrong(f"a positive number, alone or with one of the units {allowed}")
        return Decimal(match[1]) * units[match[2]]

    return parse


cores = _quantity({"": Decimal(1), "m": Decimal("0.001")})
"""Cores in a Kubernetes CPU quantity: `250m` is 0.25."""

mebibytes = _quantity(
    {
        "": Decimal(1) / 2**20,
        **{f"{unit}i": Decimal(1024) ** (power - 2) for power, unit in enumerate("KMGT", start=1)},
        **{unit: Decimal(1000) ** power / 2**20 for power, unit in enumerate("kMGT", start=1)},
    }
)
"""Mebibytes in a Kubernetes memory quantity: `1Gi` is 1024."""


def unset(value: str) -> str | None:
    """Read an empty string as no value."""
    return value or None


DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
OptionalPath = Annotated[Path | None, BeforeValidator(unset)]
OptionalText = Annotated[str | None, BeforeValidator(unset)]
Seconds = Annotated[int, Field(ge=0)]
