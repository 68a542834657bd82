"""Deploy a stack, from the export of its model to a first prediction, and remove it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import apply, clashes, engine, running, scrape
from ops.choice import Choice, by_engine
from ops.errors import OperationError
from ops.keys import key_of
from ops.local import monitoring
from ops.local.cluster import driver
from ops.models import artifact_folder, ensure_artifact
from ops.program import run
from ops.progress import say, step
from ops.running import Running
from ops.smoke import smoke
from ops.stack import Stack

ADDRESS_SECONDS = 180
"""How long a new address may take to work: the DNS name of a load balancer must propagate first."""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The result of `up`."""

    artifact: Path
    outputs: dict[str, Any]
    prediction: dict[str, Any] | None
    """None if the service has no address that this machine knows."""


def up(stack: Stack, choice: Choice = "auto", *, agreed: bool = False) -> Deployed:
    """Deploy what the program declares for a stack, and ask it for a prediction.

    The login and the user's consent are checked before anything is built.

    Args:
        stack: the stack to deploy.
        choice: the tool that deploys it.
        agreed: whether the user has agreed to change a shared stack, by --yes.

    Raises:
        OperationError: a step failed; the message says what to do next.

    """
    uses_engine = by_engine(stack, choice, _running(stack).get(stack.name))
    _check_port(stack)
    if uses_engine:
        engine.check(stack, agreed=agreed)
        clashes.check(stack)
    key = key_of(stack) if _has_address(stack) else None
    artifact = ensure_artifact(stack)
    is_new = stack.is_local and driver().up()
    if stack.is_local and stack.get("monitoring") == "existing":
        monitoring.up()
    outputs = _with_engine(stack, is_new=is_new, agreed=agreed) if uses_engine else _with_kubectl(stack)
    prediction = None
    if _has_address(stack):
        with step("ask for a prediction"):
            prediction = smoke(outputs["url"], artifact, patience_seconds=ADDRESS_SECONDS, key=key)
    scrape.check(stack, patience_seconds=scrape.SECONDS)
    return Deployed(artifact=artifact, outputs=outputs, prediction=prediction)


def down(stack: Stack, choice: Choice = "auto", *, agreed: bool = False) -> None:
    """Remove a stack. Remove the local cluster too if no other stack is left on it.

    Args:
        stack: the stack to remove.
        choice: the tool that removes it.
        agreed: whether the user has agreed to change a shared stack, by --yes.

    Raises:
        OperationError: a step failed.

    """
    if not stack.is_local:
        _down_shared(stack, choice, agreed=agreed)
    elif not driver().healthy():
        if choice != "kubectl" and engine.installed() and engine.logged_in() and engine.resources(stack):
            engine.remove_state(stack)
        driver().down()
    else:
        _down_local(stack, choice)


def address(stack: Stack, choice: Choice = "auto") -> str:
    """Return the URL of a running stack.

    Raises:
        OperationError: the stack is not running, or this machine does not know its address.

    """
    url = _outputs(stack, choice).get("url", "")
    if not url.startswith("http") or "<" in url:
        raise OperationError(f"stack {stack.name} has no known address: `make up STACK={stack.name}`")
    return url


def _running(stack: Stack) -> dict[str, Running]:
    return running.stacks(driver().kubectl()) if stack.is_local and driver().healthy() else {}


def _check_port(stack: Stack) -> None:
    """Check that no other Service of the local cluster has the stack's node port.

    Raises:
        OperationError: another Service has it.

    """
    if not (stack.is_local and driver().healthy()):
        return
    port = stack.get("nodePort")
    holder = running.holder(driver().kubectl(), port)
    if holder is None or holder.stack == stack.name:
        return
    owner = f" of stack {holder.stack}" if holder.stack else ""
    removal = f", or `make down STACK={holder.stack}` first" if holder.stack else ""
    raise OperationError(
        f"node port {port} of stack {stack.name} is taken by Service {holder.name}{owner} in namespace "
        f"{holder.namespace}: set another slipway:nodePort in Pulumi.{stack.name}.yaml{removal}"
    )


def _with_kubectl(stack: Stack) -> dict[str, Any]:
    say("kubectl deploys: it applies the rendered program, without the Pulumi engine")
    return apply.up(stack, driver().kubectl(), driver().buildx())


def _with_engine(stack: Stack, *, is_new: bool, agreed: bool) -> dict[str, Any]:
    say("the Pulumi engine deploys")
    if is_new and engine.resources(stack):
        say("the cluster is new: the state of the stack on the last cluster is removed")
        engine.remove_state(stack)
        engine.select(stack)
    return engine.up(stack, agreed=agreed)


def _down_shared(stack: Stack, choice: Choice, *, agreed: bool) -> None:
    by_engine(stack, choice, None)
    engine.check_login(stack)
    if engine.resources(stack):
        engine.check_consent(stack, agreed=agreed)
        engine.destroy(stack, agreed=agreed, has_artifact=artifact_folder(stack).exists())


def _down_local(stack: Stack, choice: Choice) -> None:
    kubectl = driver().kubectl()
    there = running.stacks(kubectl)
    mine = there.pop(stack.name, None)
    if mine and not mine.is_applied and choice != "kubectl" and engine.installed():
        engine.check_login(stack)
        engine.destroy(stack, agreed=True, has_artifact=artifact_folder(stack).exists())
    elif mine and there:
        apply.down(kubectl, mine.namespace)
    if there:
        say(
            f"the cluster stays for {', '.join(sorted(there))}: `make down STACK=NAME` removes a stack, "
            "`make cluster-down` the cluster with all of them"
        )
    else:
        driver().down()


def _has_address(stack: Stack) -> bool:
    # The address of a node port is known only for the local cluster.
    kind = stack.get("serviceType")
    return kind == "LoadBalancer" or (kind == "NodePort" and stack.is_local)


def _outputs(stack: Stack, choice: Choice) -> dict[str, Any]:
    there = _running(stack).get(stack.name)
    if stack.is_local and there is None:
        raise OperationError(f"stack {stack.name} is not on the local cluster: `make up STACK={stack.name}`")
    if by_engine(stack, choice, there):
        engine.check_login(stack)
        return engine.outputs(stack) if engine.resources(stack) else {}
    return run(stack).outputs
