"""The group `slipway:access`: who may call the model."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import CONFIG, DnsSubdomain, Encrypted, Secret, invalid

MAX_KEYS = 8
MIN_KEY_CHARACTERS, MAX_KEY_CHARACTERS = 16, 256

API_KEY = re.compile(r"[0-9A-Za-z\-._~+/]+=*")
"""What a client can send as a bearer token: https://www.rfc-editor.org/rfc/rfc6750#section-2.1."""

ORIGIN = re.compile(r"https?://([0-9a-z.\-]+|\[[0-9a-f:]+\])(:\d{1,5})?")
"""What browsers send as Origin: https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin."""

DEFAULT_PORT = re.compile(r"http:.*:80|https:.*:443")
"""An origin with the port of its scheme. Browsers leave that port out."""

ANY_ORIGIN = "*"

UNDECRYPTED = "[secret]"
"""What a run without the engine has in place of a secret."""


def _api_key(value: object) -> object:
    if isinstance(value, Encrypted) and value != UNDECRYPTED:
        is_long_enough = MIN_KEY_CHARACTERS <= len(value) <= MAX_KEY_CHARACTERS
        if not is_long_enough or not API_KEY.fullmatch(value):
            raise invalid(
                f"{MIN_KEY_CHARACTERS} to {MAX_KEY_CHARACTERS} letters, digits and "
                "-._~+/, with = only at its end"
            )
    return value


def _origin(value: str) -> str:
    if value != ANY_ORIGIN and (not ORIGIN.fullmatch(value) or DEFAULT_PORT.fullmatch(value)):
        raise invalid(
            "* or an origin as browsers send it, https://app.example.com: in lower case, without a path, and "
            "without the usual port of its scheme"
        )
    return value


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Access:
    """Who may call the model."""

    api_keys: Annotated[
        tuple[Annotated[Secret, BeforeValidator(_api_key)], ...], Field(max_length=MAX_KEYS)
    ] = ()
    """API keys, of which each request must have one. Both are valid while you replace one by another. Empty,
    and without apiKeysSecret, everybody who reaches the model may use it."""

    api_keys_secret: DnsSubdomain | None = None
    """Name of an existing Secret in the namespace, in place of apiKeys. Its entry keys has one key a line."""

    cors_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    """Origins whose web pages may call the model, e.g. https://app.example.com; * allows all."""

    @field_validator("api_keys_secret")
    @classmethod
    def _replaces_the_keys(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("api_keys"):
            raise invalid("empty, for apiKeys are set")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _any_stands_alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if ANY_ORIGIN in value and len(value) > 1:
            raise invalid("* alone, or origins without it")
        return value
