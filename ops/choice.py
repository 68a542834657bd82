"""Choose the tool that deploys a stack: the Pulumi engine, or kubectl with the rendered program."""

from typing import Literal, get_args

from ops import engine
from ops.errors import OperationError
from ops.running import Running
from ops.stack import Stack

Choice = Literal["auto", "pulumi", "kubectl"]
"""`auto` is the tool that deployed the stack. If there is none: Pulumi if it is on PATH, else kubectl."""

CHOICES: tuple[Choice, ...] = get_args(Choice)


def by_engine(stack: Stack, choice: Choice, there: Running | None) -> bool:
    """Tell whether the Pulumi engine deploys a stack, and not kubectl.

    Args:
        stack: the stack to deploy or remove.
        choice: the tool that the user asked for.
        there: the stack as it runs on the local cluster, or None if it does not.

    Raises:
        OperationError: the choice cannot be followed.

    """
    if choice == "pulumi" and not engine.installed():
        raise OperationError(f"ENGINE=pulumi: `pulumi` is not on PATH: install it ({engine.INSTALL})")
    if not stack.is_local:
        _check_shared(stack, choice)
        return True
    made_by = there and ("kubectl" if there.is_applied else "pulumi")
    if made_by and choice not in ("auto", made_by):
        raise OperationError(
            f"ENGINE={choice}: stack {stack.name} is running and was deployed by {made_by}: "
            f"`make down STACK={stack.name}` first, or leave ENGINE out"
        )
    if made_by == "pulumi" and not engine.installed():
        raise OperationError(
            f"stack {stack.name} was deployed by the Pulumi engine, and `pulumi` is not on PATH: install it "
            f"({engine.INSTALL}), or remove the stack with `make down STACK={stack.name}` first"
        )
    return (made_by or choice) == "pulumi" or (made_by is None and choice == "auto" and engine.installed())


def _check_shared(stack: Stack, choice: Choice) -> None:
    if choice == "kubectl":
        raise OperationError(
            "ENGINE=kubectl is for stacks on the local cluster: "
            f"apply what `make render STACK={stack.name}` prints"
        )
    if not engine.installed():
        raise OperationError(
            f"stack {stack.name} needs the Pulumi engine, and `pulumi` is not on PATH: install it "
            f"({engine.INSTALL}), or apply what `make render STACK={stack.name}` prints"
        )
