"""Deploy a stack, from the export of its model to a first prediction, and remove it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import apply, clashes, engine, running, scrape
from ops.choice import Choice, by_engine
from ops.errors import OperationError
from ops.exposure import has_address, node_port
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
class Served:
    """A model that `up` has deployed."""

    name: str
    artifact: Path
    url: str
    prediction: Any
    """None if the service has no address that this machine knows."""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The result of `up`."""

    models: list[Served]
    outputs: dict[str, Any]


def up(stack: Stack, choice: Choice = "auto", *, agreed: bool = False) -> Deployed:
    """Deploy what the program declares for a stack, and ask each of its models for a prediction.

    The login and the user's consent are checked before anything is built.

    Args:
        stack: the stack to deploy.
        choice: the tool that deploys it.
        agreed: whether the user has agreed to change a shared stack, by --yes.

    Raises:
        OperationError: a step failed; the message says what to do next.

    """
    uses_engine = by_engine(stack, choice, _running(stack).get(stack.name))
    for model in stack.models:
        _check_port(model)
    if uses_engine:
        engine.check(stack, agreed=agreed)
        clashes.check(stack)
    key = key_of(stack) if any(map(has_address, stack.models)) else None
    artifacts = [(model, ensure_artifact(model)) for model in stack.models]
    is_new = stack.is_local and driver().up()
    if stack.is_local and stack.get("monitoring") == "existing":
        monitoring.up()
    outputs = _with_engine(stack, is_new=is_new, agreed=agreed) if uses_engine else _with_kubectl(stack)
    return Deployed(
        models=[_ask(model, artifact, _url(model, outputs), key) for model, artifact in artifacts],
        outputs=outputs,
    )


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


def addresses(stack: Stack, choice: Choice = "auto", only: str | None = None) -> list[tuple[Stack, str]]:
    """Return the URLs of a running stack, each with the one of the stack's `models` that it serves.

    Args:
        stack: the stack.
        choice: the tool that deployed it.
        only: the name of a model; None means all of them.

    Raises:
        OperationError: the stack is not running, serves no model of this name, or this machine does not know
            the address of a model.

    """
    models = stack.choose(only)
    outputs = _outputs(stack, choice)
    found = [(model, _url(model, outputs)) for model in models]
    for model, url in found:
        if not url.startswith("http") or "<" in url:
            raise OperationError(
                f"model {model.get('model')} of stack {stack.name} has no known address: "
                f"`make up STACK={stack.name}`"
            )
    return found


def _url(model: Stack, outputs: dict[str, Any]) -> str:
    """Return the URL of a model among the outputs of the program; empty if there is none."""
    return outputs.get("urls", {}).get(model.get("model"), "") if model.has_list else outputs.get("url", "")


def _ask(model: Stack, artifact: Path, url: str, key: str | None) -> Served:
    """Ask a model for a prediction, and Prometheus whether it scrapes the pods."""
    name, prediction = model.get("model"), None
    if has_address(model):
        with step(f"ask {name} for a prediction"):
            prediction = smoke(url, artifact, patience_seconds=ADDRESS_SECONDS, key=key)
    scrape.check(model, patience_seconds=scrape.SECONDS)
    return Served(name=name, artifact=artifact, url=url, prediction=prediction)


def _running(stack: Stack) -> dict[str, Running]:
    return running.stacks(driver().kubectl()) if stack.is_local and driver().healthy() else {}


def _check_port(stack: Stack) -> None:
    """Check that no other Service of the local cluster has the stack's node port.

    Raises:
        OperationError: another Service has it.

    """
    if not (stack.is_local and driver().healthy()):
        return
    port = node_port(stack)
    holder = running.holder(driver().kubectl(), port) if port else None
    if holder is None or holder.stack == stack.name:
        return
    owner = f" of stack {holder.stack}" if holder.stack else ""
    removal = f", or `make down STACK={holder.stack}` first" if holder.stack else ""
    raise OperationError(
        f"node port {port} of stack {stack.name} is taken by Service {holder.name}{owner} in namespace "
        f"{holder.namespace}: set another nodePort of slipway:exposure in Pulumi.{stack.name}.yaml{removal}"
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
        engine.destroy(stack, agreed=agreed, has_artifacts=_has_artifacts(stack))


def _down_local(stack: Stack, choice: Choice) -> None:
    kubectl = driver().kubectl()
    there = running.stacks(kubectl)
    mine = there.pop(stack.name, None)
    if mine and not mine.is_applied and choice != "kubectl" and engine.installed():
        engine.check_login(stack)
        engine.destroy(stack, agreed=True, has_artifacts=_has_artifacts(stack))
    elif mine and there:
        apply.down(kubectl, mine.namespace)
    if there:
        say(
            f"the cluster stays for {', '.join(sorted(there))}: `make down STACK=NAME` removes a stack, "
            "`make cluster-down` the cluster with all of them"
        )
    else:
        driver().down()


def _has_artifacts(stack: Stack) -> bool:
    return all(artifact_folder(model).exists() for model in stack.models)


def _outputs(stack: Stack, choice: Choice) -> dict[str, Any]:
    there = _running(stack).get(stack.name)
    if stack.is_local and there is None:
        raise OperationError(f"stack {stack.name} is not on the local cluster: `make up STACK={stack.name}`")
    if by_engine(stack, choice, there):
        engine.check_login(stack)
        return engine.outputs(stack) if engine.resources(stack) else {}
    return run(stack).outputs
