"""Find the API key with which the commands ask a model."""

import json
import os
from typing import Any

from ops import engine
from ops.errors import OperationError
from ops.stack import Stack

VARIABLE = "SLIPWAY_API_KEY"
"""The environment variable that has the key. Other users of the machine can read arguments, but not this."""


def given() -> str | None:
    """Return the key in the environment, or None if there is none."""
    return os.environ.get(VARIABLE) or None


def key_of(stack: Stack) -> str | None:
    """Return a key that a stack accepts: that of the environment, or the first of the stack's configuration.

    The first one is the oldest: while a second one is added, running pods do not know that one yet.

    Returns:
        None if the stack needs no key.

    Raises:
        OperationError: the key is in neither place, or the configuration cannot be decrypted.

    """
    if (key := given()) is not None or not needs_key(stack):
        return key
    access = _access(stack)
    if not access.get("apiKeys"):
        raise OperationError(
            f"stack {stack.name} takes its API keys from Secret {access['apiKeysSecret']}: put one of them "
            f"into the environment variable {VARIABLE}"
        )
    try:
        return engine.setting(stack, "access.apiKeys[0]")
    except OperationError as error:
        raise OperationError(
            f"{error}\nor put an API key of stack {stack.name} into the environment variable {VARIABLE}"
        ) from None


def needs_key(stack: Stack) -> bool:
    """Tell whether requests to a stack need an API key."""
    access = _access(stack)
    return bool(access.get("apiKeys") or access.get("apiKeysSecret"))


def _access(stack: Stack) -> dict[str, Any]:
    return json.loads(stack.get("access"))
