"""Pulumi's CLI, the main road: https://www.pulumi.com/docs/iac/cli/commands/."""

import json
import shutil
from collections.abc import Sequence
from typing import Any

from ops.commands import output_of, run
from ops.stack import PROJECT, Stack


def installed() -> bool:
    """Tell whether `pulumi` is on PATH."""
    return shutil.which("pulumi") is not None


def up(stack: Stack) -> dict[str, Any]:
    """Update a stack, made first where it is new; return its outputs."""
    output_of(_pulumi("stack", "select", "--create", stack.name))
    # Refreshed, for the engine compares with what it remembers: an object deleted by hand, or what an
    # interrupted update has left behind, would else be no change.
    run([*_pulumi("up", "--refresh"), *_of(stack), *_consent(stack)])
    return outputs(stack)


def outputs(stack: Stack) -> dict[str, Any]:
    """Return what the stack's last update exported; secrets are left out."""
    return json.loads(output_of([*_pulumi("stack", "output", "--json"), *_of(stack)]))


def destroy(stack: Stack) -> None:
    """Remove everything that the stack holds."""
    run([*_pulumi("destroy"), *_of(stack), *_consent(stack)])


def forget(stack: Stack) -> None:
    """Drop a stack's state without touching what it describes, for that is gone with its cluster."""
    run([*_pulumi("stack", "rm", "--force", "--preserve-config", "--yes"), *_of(stack)])


def knows(stack: Stack) -> bool:
    """Tell whether the backend has the stack."""
    stacks = json.loads(output_of(_pulumi("stack", "ls", "--json")))
    return any(one["name"].rpartition("/")[2] == stack.name for one in stacks)


def _pulumi(*arguments: str) -> list[str]:
    return ["pulumi", "--cwd", str(PROJECT), *arguments]


def _of(stack: Stack) -> Sequence[str]:
    return ("--stack", stack.name)


def _consent(stack: Stack) -> Sequence[str]:
    # A stack that others use is changed only after a person has seen the preview.
    return ("--yes", "--skip-preview") if stack.is_local else ()
