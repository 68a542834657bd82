"""Call Pulumi's CLI: https://www.pulumi.com/docs/iac/cli/commands/."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from ops.commands import output_of, run
from ops.errors import OperationError
from ops.stack import NAMESPACE, PROJECT, Stack

INSTALL = "https://www.pulumi.com/docs/iac/download-install/"

RUN_PROGRAM = "PULUMI_RUN_PROGRAM"
"""The variable for the CLI's flag --run-program. An older CLI refuses the flag, but ignores the variable."""


def installed() -> bool:
    """Tell whether `pulumi` is on PATH."""
    return shutil.which("pulumi") is not None


def logged_in() -> bool:
    """Tell whether the CLI is logged in to a backend, which keeps the state of stacks."""
    try:
        output_of(_pulumi("whoami", "--non-interactive"))
    except OperationError:
        return False
    return True


def check_login(stack: Stack) -> None:
    """Check that the CLI is logged in to a backend, which keeps the state of stacks.

    Raises:
        OperationError: it is not logged in.

    """
    if not logged_in():
        raise OperationError(
            "`pulumi` is on PATH, but not logged in: run `pulumi login --local` to keep the state of stacks "
            f"on this machine, or `pulumi login` to share it with others{_without(stack)}"
        )


def check(stack: Stack, *, agreed: bool) -> None:
    """Check everything that an update needs, and create the stack if it is new.

    Args:
        stack: the stack to update.
        agreed: whether the user has agreed to the change already, by --yes.

    Raises:
        OperationError: there is no login, no passphrase, or no terminal to ask for consent.

    """
    check_login(stack)
    check_consent(stack, agreed=agreed)
    try:
        select(stack)
        # The only read-only command that needs the passphrase. Its output is not used.
        output_of([*_pulumi("stack", "history", "--show-secrets", "--json", "--page-size=1"), *_of(stack)])
    except OperationError as error:
        if "passphrase" not in str(error):
            raise
        raise OperationError(
            f"{error}\nset PULUMI_CONFIG_PASSPHRASE to the passphrase that encrypts the secrets of stack "
            f"{stack.name}: a new stack takes any, and it may be empty{_without(stack)}"
        ) from None


def check_consent(stack: Stack, *, agreed: bool) -> None:
    """Check that a person can agree to the preview of a shared stack, or has agreed already.

    Args:
        stack: the stack to change.
        agreed: whether the user has agreed to the change already, by --yes.

    Raises:
        OperationError: there is no terminal, and the user has not agreed already.

    """
    # The CLI's stdout goes to the stderr of this process.
    if stack.is_local or agreed or (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    raise OperationError(
        f"stack {stack.name} is shared: a person must agree to its preview, and there is no terminal to ask "
        "at: agree beforehand with YES=1 (`python -m ops ... --yes`)"
    )


def select(stack: Stack) -> None:
    """Select a stack, and create it in the backend if it is new."""
    output_of(_pulumi("stack", "select", "--create", stack.name))


def up(stack: Stack, *, agreed: bool) -> dict[str, Any]:
    """Update a stack and return its outputs. Call `check` first."""
    # The engine compares the program with its state. Without a refresh it would not see an object that was
    # deleted by hand or left behind by an interrupted update. The program must run before the refresh: the
    # state names the kubeconfig of the user who made the last update.
    run([*_pulumi("up", "--refresh"), *_of(stack), *_consent(stack, agreed=agreed)], env=_run_program_first())
    return outputs(stack)


def setting(stack: Stack, path: str) -> str:
    """Return the decrypted value of a setting: a key, or the path of a setting within a group.

    https://www.pulumi.com/docs/iac/cli/commands/pulumi_config_get/
    """
    return output_of([*_pulumi("config", "get", "--path", f"{NAMESPACE}:{path}"), *_of(stack)]).removesuffix(
        "\n"
    )


def outputs(stack: Stack) -> dict[str, Any]:
    """Return the outputs of the stack's last update; the CLI masks secrets."""
    return json.loads(output_of([*_pulumi("stack", "output", "--json"), *_of(stack)]))


def destroy(stack: Stack, *, agreed: bool, has_artifact: bool) -> None:
    """Remove everything that the stack holds.

    Args:
        stack: the stack to remove.
        agreed: whether the user has agreed to the change already, by --yes.
        has_artifact: whether the stack's artifact exists, without which the program cannot run first.

    """
    env = _run_program_first() if has_artifact else None
    run([*_pulumi("destroy"), *_of(stack), *_consent(stack, agreed=agreed)], env=env)


def remove_state(stack: Stack) -> None:
    """Remove a stack's state only: the objects that it describes are gone with their cluster."""
    run([*_pulumi("stack", "rm", "--force", "--preserve-config", "--yes"), *_of(stack)])


def resources(stack: Stack) -> int | None:
    """Return how many resources the state of a stack has, or None if the backend has no such stack."""
    for known in json.loads(output_of(_pulumi("stack", "ls", "--json"))):
        if known["name"].rpartition("/")[2] == stack.name:
            return known.get("resourceCount", 0)
    return None


def _pulumi(*arguments: str) -> list[str]:
    return ["pulumi", "--cwd", str(PROJECT), *arguments]


def _of(stack: Stack) -> Sequence[str]:
    return ("--stack", stack.name)


def _consent(stack: Stack, *, agreed: bool) -> Sequence[str]:
    # A shared stack is changed only after a person has seen the preview.
    if stack.is_local:
        return ("--yes", "--skip-preview")
    return ("--yes",) if agreed else ()


def _run_program_first() -> dict[str, str]:
    return {**os.environ, RUN_PROGRAM: "true"}


def _without(stack: Stack) -> str:
    return "; or deploy without the engine: ENGINE=kubectl (`--engine kubectl`)" if stack.is_local else ""
