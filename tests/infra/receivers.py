"""Receivers of alerts, as a stack's settings give them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

SEVERITIES = ("page", "ticket")

FROM = {"name": "mine", "key": "secret"}
"""A key of an existing Secret."""

SERVER = {"to": "team@example.com", "sender": "alerts@example.com", "smarthost": "mail.example.com:587"}

EXAMPLES: Mapping[str, dict[str, Any]] = {
    "slack": {"urlFrom": FROM},
    "pagerDuty": {"routingKeyFrom": FROM},
    "email": {**SERVER, "username": "alerts", "passwordFrom": FROM},
    "webhook": {"urlFrom": FROM},
}
"""A receiver of each kind."""

SECRET_PARTS = {"slack": "url", "pagerDuty": "routingKey", "email": "password", "webhook": "url"}
"""The setting of each kind that is a secret. With `From` at its end it names an existing Secret."""

OTHERS: Mapping[str, dict[str, Any]] = {
    "slack": {"channel": "#on-call"},
    "pagerDuty": {},
    "email": {
        "to": "all@example.com",
        "sender": "slipway@example.com",
        "smarthost": "mail.example.com:25",
        "requireTls": False,
        "username": "slipway",
    },
    "webhook": {},
}
"""Another value for each of the other settings."""


def alerts(**severities: Mapping[str, Any]) -> str:
    """Return the group as JSON: the receivers of each severity."""
    return json.dumps(severities)


def given(kind: str, secret: str) -> dict[str, Any]:
    """Return a receiver whose secret part is in the settings themselves."""
    part = SECRET_PARTS[kind]
    return {**{key: value for key, value in EXAMPLES[kind].items() if key != f"{part}From"}, part: secret}


def changes(severity: str) -> Iterator[tuple[str, str, str]]:
    """Yield each setting of a severity: its path, and the group before and after a change of it."""
    yield f"alerts.{severity}.severity", alerts(), alerts(**{severity: {"severity": "urgent"}})
    for kind, example in EXAMPLES.items():
        path, secret = f"alerts.{severity}.{kind}", SECRET_PARTS[kind]
        before = alerts(**{severity: {kind: example}})
        yield path, alerts(), before
        yield f"{path}.{secret}", before, alerts(**{severity: {kind: given(kind, "another")}})
        changed: dict[str, dict[str, Any]] = {
            **{key: {key: value} for key, value in OTHERS[kind].items()},
            f"{secret}From": {f"{secret}From": {"name": "others", "key": "other"}},
            f"{secret}From.name": {f"{secret}From": {**FROM, "name": "others"}},
            f"{secret}From.key": {f"{secret}From": {**FROM, "key": "other"}},
        }
        for key, change in changed.items():
            yield f"{path}.{key}", before, alerts(**{severity: {kind: {**example, **change}}})
