"""Types of settings' values, and the error that refuses one."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pulumi
from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

CONFIG = ConfigDict(
    alias_generator=to_camel, validate_by_name=True, extra="forbid", use_attribute_docstrings=True
)
"""Configuration of each class of settings. In a stack's file the keys are in camel case.

The text below a field is its description, which docs/settings.md shows."""

ERROR_TYPE = "setting"
"""Type of the errors that this package raises."""

PLAIN_TEXT = "plain_text"
"""Type of the error for a secret that is not encrypted in the stack's file."""


def invalid(allowed: str, *within: str | int) -> PydanticCustomError:
    """Return an error whose message is what is allowed instead.

    Args:
        allowed: What is allowed.
        within: Keys and indexes that lead from the validated value to the wrong one within it.

    """
    return PydanticCustomError(ERROR_TYPE, "{allowed}", {"allowed": allowed, "within": within})


class Encrypted(str):
    """Text from a key that is encrypted in the stack's file. Its `repr`, and so any message, hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[secret]"


def _secret(value: object) -> pulumi.Output[str]:
    if not isinstance(value, Encrypted):
        raise PydanticCustomError(PLAIN_TEXT, "is in plain text")
    return pulumi.Output.secret(str(value))


def formerly(key: str) -> Any:  # noqa: ANN401 - pydantic's type
    """Return the annotation of a setting within a group that had a flat key of its own in an older version.

    The old key is still read, with a warning that names the new one.
    """
    return Field(json_schema_extra={"formerly": key})


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


_LABEL_NAME = r"[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = rf"(?:[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}"
_LABEL = re.compile(rf"({_LABEL_KEY})=((?:{_LABEL_NAME})?)")
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""


def _label_key(key: str) -> str:
    if not re.fullmatch(_LABEL_KEY, key):
        raise invalid(
            "a key of a label, NAME or DOMAIN/NAME, with a name of at most 63 letters, digits, -, _ and ."
        )
    return key


def _label_value(value: str) -> str:
    if value and not re.fullmatch(_LABEL_NAME, value):
        raise invalid("a value of a label: at most 63 letters, digits, -, _ and .")
    return value


def _text_of_scalar(value: object) -> object:
    """Return a whole number or a boolean as text.

    `pulumi config set --path` turns the texts `true` and `1` into such values. Fractions are refused: 1.1 may
    have been the text `1.10`.
    """
    return str(value).lower() if isinstance(value, bool | int) else value


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


Secret = Annotated[
    pulumi.Output[str],
    InstanceOf,
    BeforeValidator(_secret),
    WithJsonSchema({"type": "string", "writeOnly": True}),
]
"""Text that must be encrypted in the stack's file.

Pulumi tells the program only whether a key as a whole holds something encrypted. In a group with two
secrets, one of which is encrypted, the other is therefore accepted in plain text too. Both are secrets."""

OptionalSecret = Annotated[Secret | None, BeforeValidator(empty_to_none)]
ScalarText = Annotated[str, BeforeValidator(_text_of_scalar)]
"""Text within a group, for which YAML and `pulumi config set --path` may have read a number or a boolean."""

LabelKey = Annotated[str, AfterValidator(_label_key)]
LabelValue = Annotated[ScalarText, AfterValidator(_label_value)]
DnsSubdomain = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253)
]
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names"""

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
OptionalPath = Annotated[Path | None, BeforeValidator(empty_to_none)]
OptionalText = Annotated[str | None, BeforeValidator(empty_to_none)]
OptionalUrl = Annotated[AnyHttpUrl | None, BeforeValidator(empty_to_none), AfterValidator(_without_password)]
"""An address that is written into objects of the cluster in plain text."""

Seconds = Annotated[int, Field(ge=0)]
