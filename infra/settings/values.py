"""Types of settings' values, and the error that refuses one."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

CONFIG = ConfigDict(alias_generator=to_camel, extra="forbid")
"""Configuration of each group of settings: its keys are those of `Pulumi.yaml`, and no others are allowed."""

ERROR_TYPE = "setting"
"""Type of the errors that this package raises. The messages of pydantic's own start with a capital."""


def invalid(allowed: str) -> PydanticCustomError:
    """Return an error whose message is what is allowed instead."""
    return PydanticCustomError(ERROR_TYPE, "{allowed}", {"allowed": allowed})


def either(names: Iterable[str]) -> str:
    """Return names as an enumeration in words: `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _quantity(units: dict[str, Decimal]) -> Callable[[str], Decimal]:
    pattern = re.compile(rf"(\d+(?:\.\d+)?)({'|'.join(units)})", re.ASCII)

    def parse(text: str) -> Decimal:
        match = pattern.fullmatch(text)
        if match is None or Decimal(match[1]) == 0:
            allowed = ", ".join(unit for unit in units if unit)
            raise invalid(f"a positive number, alone or with one of the units {allowed}")
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


def listed(text: str) -> list[str]:
    """Read a list in the form `VALUE,VALUE`."""
    return text.split(",") if text else []


def empty_to_none(value: str) -> str | None:
    """Read an empty string as None."""
    return value or None


_LABEL_NAME = r"[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?"
_LABEL = re.compile(rf"((?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?{_LABEL_NAME})=((?:{_LABEL_NAME})?)", re.ASCII)
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""


def labels(text: str) -> dict[str, str]:
    """Read labels in kubectl's form, `KEY=VALUE,KEY=VALUE`."""
    found = [_LABEL.fullmatch(part) for part in text.split(",")] if text else []
    result = {match[1]: match[2] for match in found if match}
    if len(result) < len(found):
        raise invalid("labels in the form KEY=VALUE,KEY=VALUE, each key once")
    return result


def is_of_kubernetes(namespace: str) -> bool:
    """Return whether a namespace is one of those that every cluster has, where nobody else should deploy.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces
    """
    return namespace == "default" or namespace.startswith("kube-")


def _without_password(url: AnyHttpUrl | None) -> AnyHttpUrl | None:
    if url and (url.username or url.password):
        raise invalid("an address without user and password, which would be readable in the cluster")
    return url


DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
OptionalPath = Annotated[Path | None, BeforeValidator(empty_to_none)]
OptionalText = Annotated[str | None, BeforeValidator(empty_to_none)]
OptionalUrl = Annotated[AnyHttpUrl | None, BeforeValidator(empty_to_none), AfterValidator(_without_password)]
"""An address that is written into objects of the cluster in plain text."""

Seconds = Annotated[int, Field(ge=0)]
