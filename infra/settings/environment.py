"""Additional environment variables of a container."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from infra.settings.values import CONFIG, DnsSubdomain, ScalarText, invalid

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN_PREFIX = "SLIPWAY_"
OWN = ("OTEL_EXPORTER_OTLP_ENDPOINT", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""Variables of the server that the image or another setting sets."""

SECRET_WORDS = {"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "CREDENTIALS", "APIKEY"}


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise invalid("a name of letters, digits and _")
    return name


def _without_secrets(variables: Mapping[str, str]) -> Mapping[str, str]:
    for name in variables:
        *_, last = words = name.upper().split("_")
        if last == "KEY" or SECRET_WORDS & {*words}:
            allowed = "from a Secret, by environmentFromSecrets: the name looks like that of a secret"
            raise invalid(allowed, name, hides_value=True)
    return variables


def not_of_the_server(variables: Mapping[str, object]) -> Mapping[str, object]:
    """Refuse the variables that the server itself has from the image or from other settings."""
    for name in variables:
        if name.startswith(OWN_PREFIX) or name in OWN:
            raise invalid("another variable: the image or a setting of the stack sets this one", name)
    return variables


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class SecretEntry:
    """An entry of an existing Secret in the namespace of the stack."""

    name: DnsSubdomain
    """Name of the Secret."""

    key: str
    """Key of the entry."""


VariableName = Annotated[str, AfterValidator(_name)]
PlainVariables = Annotated[Mapping[VariableName, ScalarText], AfterValidator(_without_secrets)]
SecretVariables = Mapping[VariableName, SecretEntry]
