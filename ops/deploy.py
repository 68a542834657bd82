"""A stack's life: `up` from a model to an answered prediction, `down` to nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import apply, engine
from ops.errors import OperationError
from ops.local import monitoring
from ops.local.cluster import road
from ops.models import ensure_artifact
from ops.program import run
from ops.progress import say, step
from ops.smoke import smoke
from ops.stack import Stack

ADDRESS_SECONDS = 180
"""How long a new address may take to lead anywhere: a load balancer's name must spread first."""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What `up` came to."""

    artifact: Path
    outputs: dict[str, Any]
    prediction: dict[str, Any] | None
    """None where the service has no address outside its cluster, or none that is known here."""


def up(stack: Stack) -> Deployed:
    """Bring a stack up to what the program declares, and ask it for a prediction.

    Raises:
        OperationError: a step failed; the message says what to do next.

    """
    _check_road(stack)
    artifact = ensure_artifact(stack)
    is_new = stack.is_local and road().up()
    if stack.is_local and stack.get("monitoring") == "existing":
        monitoring.up()
    outputs = _deploy(stack, is_new=is_new)
    prediction = None
    if _has_address(stack):
        with step("ask for a prediction"):
            prediction = smoke(outputs["url"], artifact, patience_seconds=ADDRESS_SECONDS)
    return Deployed(artifact=artifact, outputs=outputs, prediction=prediction)


def _deploy(stack: Stack, *, is_new: bool) -> dict[str, Any]:
    if not engine.installed():
        say("`pulumi` is not on PATH: the same program is rendered, and applied by kubectl")
        return apply.up(stack, road().kubectl(), road().buildx())
    say("`pulumi` is on PATH: the engine deploys")
    if is_new and engine.knows(stack):
        say("the cluster is new: what the engine remembers of the one before is forgotten")
        engine.forget(stack)
    if stack.is_local and not is_new and apply.has_applied(stack, road().kubectl()):
        raise OperationError(
            f"stack {stack.name} was applied by kubectl before, and the engine makes only objects that are "
            f"not there: `make down STACK={stack.name}` first"
        )
    return engine.up(stack)


def down(stack: Stack) -> None:
    """Remove a stack, and the local cluster with it where it ran there.

    Raises:
        OperationError: a step failed.

    """
    _check_road(stack)
    if engine.installed() and engine.knows(stack):
        if not stack.is_local or road().healthy():
            engine.destroy(stack)
        else:
            engine.forget(stack)
    if stack.is_local:
        road().down()


def _has_address(stack: Stack) -> bool:
    # Which node a port is reached at is known of the local cluster alone.
    kind = stack.get("serviceType")
    return kind == "LoadBalancer" or (kind == "NodePort" and stack.is_local)


def _check_road(stack: Stack) -> None:
    if not stack.is_local and not engine.installed():
        raise OperationError(
            f"stack {stack.name} is the Pulumi engine's, and `pulumi` is not on PATH: install it "
            "(https://www.pulumi.com/docs/iac/download-install/), "
            f"or apply what `make render STACK={stack.name}` prints"
        )


def outputs(stack: Stack) -> dict[str, Any]:
    """Return what a running stack exports."""
    return engine.outputs(stack) if engine.installed() and engine.knows(stack) else run(stack).outputs
