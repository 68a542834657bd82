"""Deploy a stack to the local cluster with kubectl, from the rendered program, without the Pulumi engine."""

from functools import partial
from typing import Any

import yaml

from ops.errors import OperationError
from ops.image import build_and_push
from ops.local.kubectl import Kubectl
from ops.program import Run, run
from ops.progress import say, step
from ops.stack import Stack

FIELD_MANAGER = "slipway"
DELETE_SECONDS = 180
"""Longer than pods take to drain."""

PRUNED = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments.apps",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers.autoscaling",
    "Ingress": "ingresses.networking.k8s.io",
    "NetworkPolicy": "networkpolicies.networking.k8s.io",
    "PodDisruptionBudget": "poddisruptionbudgets.policy",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
}
"""The kinds of objects that a stack may declare, and their names for kubectl.

A test compares them with what the program declares.
"""

CUSTOM_PRUNED = {
    "Certificate": "certificates.cert-manager.io",
    "HTTPRoute": "httproutes.gateway.networking.k8s.io",
    "AlertmanagerConfig": "alertmanagerconfigs.monitoring.coreos.com",
    "PrometheusRule": "prometheusrules.monitoring.coreos.com",
    "ScaledObject": "scaledobjects.keda.sh",
    "ServiceMonitor": "servicemonitors.monitoring.coreos.com",
}
"""The custom resources that a stack may declare. A cluster may lack their definitions."""

DEFINITION = "customresourcedefinition.apiextensions.k8s.io"


def up(stack: Stack, kubectl: Kubectl, buildx: list[str]) -> dict[str, Any]:
    """Build the images, apply the objects, wait for the pods, and delete objects that are no longer declared.

    The Services are applied after the pods are ready, as the engine does: until then one may select the pods
    of another model.

    Returns:
        The program's outputs.

    Raises:
        OperationError: a step failed; pods that served before continue to serve.

    """
    with step("build the image of each model and push it"):
        declared = run(stack, partial(build_and_push, buildx))
    _check(declared, stack)
    objects = declared.objects()
    namespace = declared.outputs["namespace"]
    with step(f"apply {len(objects)} objects"):
        _apply(kubectl, [item for item in objects if item["kind"] != "Service"])
    with step("wait until the pods are ready"):
        _wait(kubectl, declared, namespace)
    # A Service that is no longer declared may have the node port of one that is.
    _prune(kubectl, declared, stack, namespace, [PRUNED["Service"]])
    _apply(kubectl, [item for item in objects if item["kind"] == "Service"])
    _prune(kubectl, declared, stack, namespace, [*PRUNED.values(), *_defined(kubectl)])
    return declared.outputs


def down(kubectl: Kubectl, namespace: str) -> None:
    """Delete a stack's namespace with everything in it, and wait until it is gone.

    Raises:
        OperationError: it was not deleted in time.

    """
    with step(f"delete namespace {namespace}"):
        kubectl("delete", "namespace", namespace, "--wait=true", f"--timeout={DELETE_SECONDS}s")


def _check(declared: Run, stack: Stack) -> None:
    """Check that the stack has no Helm release and no Secret: only the engine can decrypt their values.

    Raises:
        OperationError: the stack has one of them.

    """
    if names := " and ".join(release.name for release in declared.releases()):
        raise OperationError(
            f"stack {stack.name} installs {names}, whose passwords only the "
            "engine can decrypt: put `pulumi` on PATH, or set `monitoring` to existing or none"
        )
    if any(item["kind"] == "Secret" for item in declared.objects()):
        raise OperationError(
            f"stack {stack.name} has secrets, which only the engine can decrypt: put `pulumi` on PATH"
        )


def _apply(kubectl: Kubectl, objects: list[dict[str, Any]]) -> None:
    kubectl(
        *("apply", "--server-side", f"--field-manager={FIELD_MANAGER}", "--filename=-"),
        stdin=yaml.safe_dump_all(objects),
    )


def _wait(kubectl: Kubectl, declared: Run, namespace: str) -> None:
    for item in declared.objects():
        if item["kind"] != "Deployment":
            continue
        name = item["metadata"]["name"]
        try:
            kubectl("rollout", "status", f"deployment/{name}", f"--namespace={namespace}")
        except OperationError as error:
            raise OperationError(
                f"{error}\n{_pods(kubectl, name, namespace)}\n"
                "pods that served before continue to serve; for details run\n"
                f"  {kubectl.command()} --namespace {namespace} describe pods"
            ) from None


def _pods(kubectl: Kubectl, name: str, namespace: str) -> str:
    """Return the list of a Deployment's pods, with the last log lines of a pod that crashed."""
    chosen = (f"--namespace={namespace}", f"--selector=app.kubernetes.io/name={name}")
    lines = [kubectl("get", "pods", *chosen)]
    for pod in kubectl.get("pods", *chosen)["items"]:
        statuses = pod["status"].get("containerStatuses", [])
        if any(status["restartCount"] and not status["ready"] for status in statuses):
            flags = (f"--namespace={namespace}", "--previous", "--tail=5")
            lines.append(kubectl("logs", pod["metadata"]["name"], *flags))
            break
    return "\n".join(lines)


def _defined(kubectl: Kubectl) -> list[str]:
    """Return the custom resources that the cluster has definitions of."""
    defined = kubectl("get", "customresourcedefinitions", "--output=name").split()
    return [name for name in CUSTOM_PRUNED.values() if f"{DEFINITION}/{name}" in defined]


def _prune(kubectl: Kubectl, declared: Run, stack: Stack, namespace: str, kinds: list[str]) -> None:
    """Delete the stack's objects of these kinds that the program no longer declares."""
    kept = {(item["kind"], item["metadata"]["name"]) for item in declared.objects()}
    selector = f"--selector=app.kubernetes.io/managed-by=slipway,app.kubernetes.io/instance={stack.name}"
    there = kubectl.get(",".join(kinds), f"--namespace={namespace}", selector)["items"]
    for item in there:
        kind, name = item["kind"], item["metadata"]["name"]
        if (kind, name) not in kept:
            kubectl("delete", f"{kind.lower()}/{name}", f"--namespace={namespace}")
            say(f"  {kind.lower()}/{name} is no longer declared: deleted")
