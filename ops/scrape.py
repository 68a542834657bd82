"""Find out whether Prometheus scrapes a stack's pods, and say what to change if it does not."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from ops.errors import OperationError
from ops.local import monitoring
from ops.progress import say, step
from ops.shared import Kubectl, kubectl_of
from ops.stack import Stack

SECONDS = 120
"""How long Prometheus may take: its operator writes a new configuration first."""

PROXY = "/api/v1/namespaces/{namespace}/services/prometheus-operated:9090/proxy"
"""Prometheus by way of the cluster's own API. Every Prometheus operator creates this Service:
https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services."""

PROMETHEUSES = "prometheuses.monitoring.coreos.com"

Prometheus = Callable[[str], str]
"""Returns the answer of a Prometheus to a path of its API."""


def check(stack: Stack, *, patience_seconds: float = 0) -> None:
    """Say on stderr if no Prometheus scrapes the pods of a model, and which setting to change.

    A Prometheus that cannot be asked is no error: it is said, with the query to ask it for.

    Args:
        stack: A deployed stack, or one of its `models`.
        patience_seconds: How long to wait until the pods are scraped.

    """
    if stack.get("monitoring") == "none" or stack.get("minReplicas") == "0":
        return
    query = f'sum(up{{namespace="{stack.namespace}",service="{stack.service}-metrics"}})'
    try:
        with step(f"ask Prometheus whether it scrapes the pods of {stack.get('model')}"):
            advice = _advice(stack, query, time.monotonic() + patience_seconds)
    except (OperationError, httpx.HTTPError, KeyError, ValueError) as error:
        advice = f"it could not be asked ({error}): ask it for {query}"
    if advice:
        say(advice)


def _advice(stack: Stack, query: str, deadline: float) -> str | None:
    """Return what to say. None means that the pods are scraped."""
    if stack.is_local:
        return _wait([_local], query, deadline)
    kubectl = kubectl_of(stack)
    if kubectl is None:
        return f"this machine does not reach it: ask it for {query}"
    objects = json.loads(kubectl("get", PROMETHEUSES, "--all-namespaces", "--output=json"))["items"]
    if not objects:
        return "the cluster has no Prometheus of a Prometheus operator: set monitoring to install or none"
    namespaces = {prometheus["metadata"]["namespace"] for prometheus in objects}
    advice = _wait([_proxied(kubectl, namespace) for namespace in namespaces], query, deadline)
    return "\n".join([advice, *_selectors(objects, stack)]) if advice else None


def _wait(prometheuses: Iterable[Prometheus], query: str, deadline: float) -> str | None:
    """Ask until one of them scrapes a pod, or until the deadline; return what to say then."""
    while True:
        pods = [count for ask in prometheuses if (count := _count(ask, query)) is not None]
        if any(pods):
            return None
        if time.monotonic() > deadline:
            break
        time.sleep(2)
    if pods:
        return f"Prometheus finds the pods but cannot reach any of them: {query} is 0"
    return f"Prometheus does not scrape the pods, so nothing is measured and no alert fires: {query} is empty"


def _count(ask: Prometheus, query: str) -> float | None:
    """Return the result of a query; None if it is empty."""
    result = json.loads(ask(f"/api/v1/query?query={quote(query)}"))["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def _local(path: str) -> str:
    return httpx.get(monitoring.URL + path).raise_for_status().text


def _proxied(kubectl: Kubectl, namespace: str) -> Prometheus:
    return lambda path: kubectl("get", "--raw", PROXY.format(namespace=namespace) + path)


def _selectors(objects: Iterable[Mapping[str, Any]], stack: Stack) -> Iterator[str]:
    """Yield, for each Prometheus that selects by labels which the stack does not set, what to set."""
    given = stack.get("monitoringLabels").split(",")
    for prometheus in objects:
        selector = prometheus["spec"].get("serviceMonitorSelector", {}).get("matchLabels", {})
        asked = [f"{key}={value}" for key, value in selector.items()]
        if not {*asked} <= {*given}:
            name = f"{prometheus['metadata']['namespace']}/{prometheus['metadata']['name']}"
            yield f"  Prometheus {name} selects by labels: set monitoringLabels to {','.join(asked)}"
