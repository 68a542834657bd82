"""Pulumi's CLI: https://www.pulumi.com/docs/iac/cli/commands/."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from ops.commands import output_of, run
from ops.errors import OperationError
from ops.stack import PROJECT, Stack

INSTALL = "https://www.pulumi.com/docs/iac/download-install/"

RUN_PROGRAM = "PULUMI_RUN_PROGRAM"
"""The CLI's flag --run-program as a variable, which a CLI that is too old for the flag ignores."""


def installed() -> bool:
    """Tell whether `pulumi` is on PATH."""
    return shutil.which("pulumi") is not None


def logged_in() -> bool:
    """Tell whether the CLI has a backend to keep state in."""
    try:
        output_of(_pulumi("whoami", "--non-interactive"))
    except OperationError:
        return False
    return True


def check_login(stack: Stack) -> None:
    """Refuse to go on without a backend to keep state in.

    Raises:
        OperationError: there is none.

    """
    if not logged_in():
        raise OperationError(
            "`pulumi` is on PATH, but not logged in: run `pulumi login --local`, which keeps the state of "
            f"stacks on this machine, or `pulumi login` for a backend that others use{_without(stack)}"
        )


def check(stack: Stack, *, agreed: bool) -> None:
    """Ask for all that an update will need. The stack is made where it is new.

    Raises:
        OperationError: there is no login, no passphrase, or nobody to agree to the change.

    """
    check_login(stack)
    check_consent(stack, agreed=agreed)
    try:
        select(stack)
        # The one question that needs the passphrase and changes nothing. Its answer is not used.
        output_of([*_pulumi("stack", "history", "--show-secrets", "--json", "--page-size=1"), *_of(stack)])
    except OperationError as error:
        if "passphrase" not in str(error):
            raise
        raise OperationError(
            f"{error}\nset PULUMI_CONFIG_PASSPHRASE to the passphrase that encrypts the secrets of stack "
            f"{stack.name}: a new stack takes any, and it may be empty{_without(stack)}"
        ) from None


def check_consent(stack: Stack, *, agreed: bool) -> None:
    """Refuse to change a shared stack where nobody can agree to its preview.

    Raises:
        OperationError: there is no terminal, and no consent was given before.

    """
    # Its stdout is this process's stderr.
    if stack.is_local or agreed or (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    raise OperationError(
        f"stack {stack.name} is changed after a person has agreed to its preview, and there is no terminal "
        "to ask at: agree beforehand with YES=1 (`python -m ops ... --yes`)"
    )


def select(stack: Stack) -> None:
    """Make a stack in the backend where it is new."""
    output_of(_pulumi("stack", "select", "--create", stack.name))


def up(stack: Stack, *, agreed: bool) -> dict[str, Any]:
    """Update a stack that `check` has passed; return its outputs."""
    # Refreshed, for the engine compares with what it remembers: an object deleted by hand, or what an
    # interrupted update has left behind, would else be no change. The program is run first, for what is
    # remembered names the kubeconfig of whoever made the last update.
    run([*_pulumi("up", "--refresh"), *_of(stack), *_consent(stack, agreed=agreed)], env=_fresh())
    return outputs(stack)


def outputs(stack: Stack) -> dict[str, Any]:
    """Return what the stack's last update exported; secrets are left out."""
    return json.loads(output_of([*_pulumi("stack", "output", "--json"), *_of(stack)]))


def destroy(stack: Stack, *, agreed: bool, has_artifact: bool) -> None:
    """Remove everything that the stack holds.

    The program is run first where its model is there, which it needs.
    """
    env = _fresh() if has_artifact else None
    run([*_pulumi("destroy"), *_of(stack), *_consent(stack, agreed=agreed)], env=env)


def forget(stack: Stack) -> None:
    """Drop a stack's state without touching what it describes, for that is gone with its cluster."""
    run([*_pulumi("stack", "rm", "--force", "--preserve-config", "--yes"), *_of(stack)])


def resources(stack: Stack) -> int | None:
    """Return how many resources the backend remembers of a stack; None where it does not have the stack."""
    for known in json.loads(output_of(_pulumi("stack", "ls", "--json"))):
        if known["name"].rpartition("/")[2] == stack.name:
            return known.get("resourceCount", 0)
    return None


def _pulumi(*arguments: str) -> list[str]:
    return ["pulumi", "--cwd", str(PROJECT), *arguments]


def _of(stack: Stack) -> Sequence[str]:
    return ("--stack", stack.name)


def _consent(stack: Stack, *, agreed: bool) -> Sequence[str]:
    # A stack that others use is changed only after a person has seen the preview.
    if stack.is_local:
        return ("--yes", "--skip-preview")
    return ("--yes",) if agreed else ()


def _fresh() -> dict[str, str]:
    return {**os.environ, RUN_PROGRAM: "true"}


def _without(stack: Stack) -> str:
    return "; or do without the engine: ENGINE=kubectl (`--engine kubectl`)" if stack.is_local else ""
