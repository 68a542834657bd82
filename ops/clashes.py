"""What a stack would create on a shared cluster although it is there already.

The engine would find out only while it deploys, and say no more than that the object exists.
"""

import json
from typing import Any

from ops.errors import OperationError
from ops.shared import Kubectl, kubectl_of
from ops.stack import Stack

PART_OF = "app.kubernetes.io/part-of"
INSTANCE = "app.kubernetes.io/instance"
NOBODY = ""
"""Stands for the owner of a namespace that no stack has created."""

EXTERNAL_METRICS = "v1beta1.external.metrics.k8s.io"
"""The API in which autoscalers find metrics from outside of Kubernetes. Only one
program of a cluster can serve it."""

KEDA, ADAPTER = BACKENDS = "keda", "prometheus-adapter"
"""The values of `autoscalingBackend` that need this API."""

PROMETHEUS = "http://kube-prometheus-stack-prometheus.{namespace}:9090"
"""Address of a Prometheus that a stack has installed."""


def check(stack: Stack) -> None:
    """Refuse to create a namespace that exists and is not the stack's own, or a second server of metrics.

    Nothing is checked where kubectl is missing, or where only the engine reaches the cluster.

    Raises:
        OperationError: one of them exists. The message names the setting to change.

    """
    kubectl = kubectl_of(stack)
    if kubectl is None:
        return
    if stack.get("createNamespace") == "true":
        _check_namespace(kubectl, stack)
    if stack.get("monitoring") == "install" and stack.get("createMonitoringNamespace") == "true":
        _check_monitoring(kubectl, stack)
    for model in stack.models:
        if model.get("autoscalingBackend") in BACKENDS:
            _check_external_metrics(kubectl, model)


def _check_namespace(kubectl: Kubectl, stack: Stack) -> None:
    namespace = stack.namespace
    if _owner(kubectl, namespace, stack.name) not in (None, stack.name):
        raise OperationError(
            f"stack {stack.name}: namespace {namespace} exists already: set createNamespace to false to "
            "deploy into it as it is, or namespace to another name"
        )


def _check_monitoring(kubectl: Kubectl, stack: Stack) -> None:
    namespace = stack.get("monitoringNamespace")
    owner = _owner(kubectl, namespace, stack.name)
    if owner in (None, stack.name):
        return
    if owner == NOBODY:
        raise OperationError(
            f"stack {stack.name}: namespace {namespace} exists already: set createMonitoringNamespace to "
            "false to install into it, or monitoring to existing if a Prometheus operator runs there"
        )
    raise OperationError(
        f"stack {stack.name}: monitoring is install, but stack {owner} has installed it on this cluster: set "
        f"monitoring to existing and prometheusUrl to {PROMETHEUS.format(namespace=namespace)}"
    )


def _check_external_metrics(kubectl: Kubectl, stack: Stack) -> None:
    printed = kubectl("get", "apiservice", EXTERNAL_METRICS, "--ignore-not-found", "--output=json")
    server = json.loads(printed)["spec"].get("service") if printed else None
    if server is None:
        return
    name = f"{server['namespace']}/{server['name']}"
    wanted, found = stack.get("autoscalingBackend"), KEDA if KEDA in server["name"] else ADAPTER
    if wanted != found:
        raise OperationError(
            f"stack {stack.name}: autoscalingBackend is {wanted}, but {name} serves external metrics on this "
            f"cluster, and only one program can: set autoscalingBackend to {found}, or remove that one"
        )
    if stack.get("monitoring") == "install" and server["namespace"] != stack.get("monitoringNamespace"):
        raise OperationError(
            f"stack {stack.name}: monitoring is install, which installs {wanted}, but {name} runs on this "
            "cluster already, and only one may serve external metrics: set monitoring to existing"
        )


def _owner(kubectl: Kubectl, namespace: str, stack: str) -> str | None:
    """Return the stack that created a namespace; NOBODY if it is no stack's, None if there is none.

    Earlier versions did not write the stack's name on the namespace of Prometheus. Such a namespace counts
    as this stack's own.
    """
    printed = kubectl("get", "namespace", namespace, "--ignore-not-found", "--output=json")
    if not printed:
        return None
    labels: dict[str, Any] = json.loads(printed)["metadata"].get("labels", {})
    return labels.get(INSTANCE, stack) if labels.get(PART_OF) == "slipway" else NOBODY
