"""The server uses the CPU limit of its pod, not all cores of the machine, and not less."""

import asyncio
import copy
import json
import math
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from ops.local.kubectl import Kubectl
from ops.stack import PROJECT
from tests.app.load import Report, closed_loop
from tests.e2e.conftest import MODEL, NAMESPACE

HERE = f"--namespace={NAMESPACE}"
NAME = "limited"
PORT = 30081
SECONDS = 12


@pytest.fixture(params=["500m", "1", "2"])
def limit(request: pytest.FixtureRequest, kubectl: Kubectl) -> Iterator[str]:
    """Run a pod of the deployed image with a CPU limit and its own node port."""
    deployed = kubectl.get("deployment", MODEL, HERE)
    template: dict[str, Any] = copy.deepcopy(deployed["spec"]["template"])
    labels = {"app.kubernetes.io/name": NAME}
    template["metadata"]["labels"] = labels
    del template["spec"]["topologySpreadConstraints"]
    (server,) = template["spec"]["containers"]
    server["resources"] = {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": request.param, "memory": "512Mi"},
    }
    metadata = {"name": NAME, "namespace": NAMESPACE}
    objects = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "type": "NodePort",
                "selector": labels,
                "ports": [{"port": 80, "targetPort": "http", "nodePort": PORT}],
            },
        },
    ]
    kubectl("apply", "--filename=-", stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": objects}))
    kubectl("rollout", "status", f"deployment/{NAME}", HERE, "--timeout=120s")
    until_routed()
    yield request.param
    kubectl("delete", "deployment,service", NAME, HERE, "--wait=true", "--cascade=foreground")


def until_routed(seconds: float = 60) -> None:
    """Wait for the node port: kube-proxy learns of the ready pod only after the rollout has ended."""
    end = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{PORT}/health/ready", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, f"nothing answers on port {PORT} after {seconds} s"
        time.sleep(0.2)


def cpu_seconds(kubectl: Kubectl) -> float:
    (pod,) = kubectl.get("pods", HERE, f"--selector=app.kubernetes.io/name={NAME}")["items"]
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}:8001/proxy/metrics"
    metrics = kubectl("get", f"--raw={path}")
    found = re.search(r"^process_cpu_seconds_total (\S+)", metrics, re.MULTILINE)
    assert found
    return float(found[1])


def test_the_server_uses_the_cpu_limit_of_its_pod(kubectl: Kubectl, limit: str):
    cores = float(limit.removesuffix("m")) / 1000 if limit.endswith("m") else float(limit)
    loaded = next(
        json.loads(line)
        for line in kubectl("logs", f"deployment/{NAME}", HERE).splitlines()
        if '"model loaded"' in line
    )
    artifact = PROJECT / "build/model" / MODEL / loaded["version"]
    (taken,) = json.loads((artifact / "signature.json").read_text())["inputs"]
    with np.load(artifact / "sample.npz") as sample:
        body = sample[taken["name"]].tobytes()

    def send(seconds: float) -> Report:
        octets = "application/octet-stream"
        return asyncio.run(closed_loop(PORT, body, connections=8, seconds=seconds, content_type=octets))

    send(3)
    before = cpu_seconds(kubectl)
    report = send(SECONDS)
    used = (cpu_seconds(kubectl) - before) / report.seconds

    threads = loaded["threads"]
    sys.stderr.write(f"limit {limit}: {threads} threads, {used:.2f} cores, {report.goodput:.1f} answers/s\n")
    assert set(report.codes) == {200}
    assert threads == math.ceil(cores)
    # The clients, the cluster and whatever else runs here need their part of the machine. A server that took
    # the next smaller limit for its own would use half.
    given = min(cores, (os.cpu_count() or 1) / 2)
    assert 0.7 * given < used < 1.1 * cores
