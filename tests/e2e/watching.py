"""The watched services of the end-to-end test: their stacks, their load, and what is seen of them."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from infra.queries import Queries, metrics_service
from infra.settings import ONLY_MODEL
from ops.load import load
from ops.local import monitoring
from ops.local.kubectl import Kubectl
from ops.stack import Stack
from tests.e2e.conftest import MODEL

LOAD_SECONDS = 240
"""The longest time that a load may take."""

WATCHED, SLOW = "e2e-watched", "e2e-slow"
PORTS = {WATCHED: int(Stack.read("watched").get("exposure.nodePort")), SLOW: 30084}
"""The node port of the watched stack, and that of a second stack."""


def a_stack_like_watched(name: str, **settings: str) -> Stack:
    """Return a copy of the watched stack under another name, which can run beside the dev stack."""
    watched = Stack.read("watched")
    config = {f"{watched.project}:{key}": value for key, value in settings.items()}
    config[f"{watched.project}:exposure"] = json.dumps({"type": "NodePort", "nodePort": PORTS[name]})
    return Stack(
        project=watched.project, name=name, config={**watched.config, **config}, secret_keys=frozenset()
    )


def namespace(name: str) -> str:
    return f"slipway-{name}"


QUERIES = Queries(namespace=namespace(WATCHED), service=metrics_service(ONLY_MODEL))


def ask(query: str) -> list[dict[str, Any]]:
    """Send a query to Prometheus and return the series with their values."""
    answer = httpx.get(f"{monitoring.URL}/api/v1/query", params={"query": query}, timeout=30).json()
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def send(name: str, artifact: Path, connections: int, seconds: float) -> Counter[str]:
    """Send a load to a stack's service; return the number of answers by status code."""
    url = f"http://127.0.0.1:{PORTS[name]}"
    return asyncio.run(load(url, artifact, connections=connections, seconds=seconds)).answers


def send_until(enough: Event, name: str, artifact: Path, connections: int) -> Counter[str]:
    """Send short loads to a stack's service, until the event is set."""
    answers: Counter[str] = Counter()
    end = time.monotonic() + LOAD_SECONDS
    while not enough.is_set() and time.monotonic() < end:
        answers += send(name, artifact, connections, 10)
    return answers


class Pods:
    """Records the numbers of wanted and ready pods, and after how many seconds each was first reached."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._began = time.monotonic()
        self._course: dict[str, float] = {}

    def ready(self) -> int:
        deployment = self._kubectl.get("deployment", MODEL, f"--namespace={namespace(WATCHED)}")
        ready = deployment["status"].get("readyReplicas", 0)
        self._course.setdefault(
            f"{ready} of {deployment['spec']['replicas']}", time.monotonic() - self._began
        )
        return ready

    def __str__(self) -> str:
        return ", ".join(f"{pods} after {seconds:.0f} s" for pods, seconds in self._course.items())


def rises(kubectl: Kubectl) -> list[str]:
    """Return the messages of the autoscaler about the pods that it added."""
    events = kubectl.get(
        "events", f"--namespace={namespace(WATCHED)}", "--field-selector=reason=SuccessfulRescale"
    )["items"]
    return [item["message"] for item in events if item["message"].endswith(" above target")]


def firing(where: str) -> list[dict[str, Any]]:
    """Return the alerts of severity page that fired at any time."""
    pages = f'ALERTS{{namespace="{where}",severity="page",alertstate="firing"}}'
    return [item["metric"] for item in ask(f"max_over_time({pages}[1h])")]
