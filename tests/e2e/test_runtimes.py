"""Build and deploy an image for each runtime, and ask it for the label of the photograph."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops import apply
from ops.local.cluster import driver
from ops.local.images import BUILD_IMAGE
from ops.local.kubectl import Kubectl
from ops.models import ensure_artifact
from ops.smoke import smoke
from ops.stack import PROJECT, Stack
from tests.e2e.conftest import MODEL
from tests.e2e.registry import size_over_base

LABEL = "tiger cat"
NODE_PORT = 30082
URL = f"http://127.0.0.1:{NODE_PORT}"
BUILD = PROJECT / "build" / "e2e"
"""A folder of artifacts apart from that of the dev stack, whose `latest` must not change."""

SIZES = BUILD / "image_sizes.json"
"""The size of the image without its base by runtime, in bytes, for the benchmark's table."""

REQUIREMENTS = PROJECT / "app" / "requirements" / "torch.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PYTHON = BUILD_IMAGE.rpartition(":")[2].partition("-")[0]
"""The version of Python in the image, not that of this process."""

PLATFORMS = {
    "onnx": "onnx_onnxv1",
    "torchscript": "pytorch_torchscript",
    "savedmodel": "tensorflow_savedmodel",
}
MEMORY = {"onnx": "512Mi", "torchscript": "768Mi", "savedmodel": "1536Mi"}
"""The limits that the README states."""


@dataclass(frozen=True)
class Served:
    """A deployed runtime."""

    runtime: str
    artifact: Path
    pod: dict[str, Any]


def cpu_build_of_torch() -> bool:
    """Tell whether pip in the image can find the build of torch for the CPU, which PyPI does not have."""
    (torch,) = re.findall(r"^torch==.+", REQUIREMENTS.read_text(), re.MULTILINE)
    command = (
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"),
        # pip before 24 asks for a target beside another Python's version. A dry run writes nothing there.
        *(f"--python-version={PYTHON}", f"--target={BUILD / 'torch'}"),
        *("--report=-", "--retries=0", f"--extra-index-url={CPU_INDEX}", torch),
    )
    report = json.loads(subprocess.check_output(command, text=True))
    return report["install"][0]["metadata"]["version"].endswith("+cpu")


@pytest.fixture(params=list(MEMORY))
def served(request: pytest.FixtureRequest, kubectl: Kubectl) -> Iterator[Served]:
    """Return a stack with a single pod that serves the model with a runtime, on its own node port."""
    runtime: str = request.param
    if runtime == "savedmodel":
        pytest.importorskip("tensorflow", reason="TensorFlow is not installed here: make tensorflow")
    if runtime == "torchscript" and not cpu_build_of_torch():
        pytest.skip(
            f"pip finds no CPU build of torch for Python {PYTHON} here: no index of it answers, "
            "and PIP_FIND_LINKS has none"
        )
    dev = Stack.read("dev")
    settings = {
        "runtime": runtime,
        "modelDirectory": str(BUILD / "model" / runtime),
        "exposure": json.dumps({"type": "NodePort", "nodePort": NODE_PORT}),
        "minReplicas": "1",
        "maxReplicas": "1",
        "cpuLimit": "2",
        "memoryLimit": MEMORY[runtime],
    }
    config = {**dev.config, **{f"{dev.project}:{key}": value for key, value in settings.items()}}
    stack = Stack(project=dev.project, name=f"e2e-{runtime}", config=config, secret_keys=frozenset())
    artifact = ensure_artifact(stack)
    namespace = apply.up(stack, kubectl, driver().buildx())["namespace"]
    (pod,) = kubectl.get("pods", f"--namespace={namespace}")["items"]
    yield Served(runtime=runtime, artifact=artifact, pod=pod)
    kubectl("delete", "namespace", namespace, "--wait=true")


def test_a_pod_of_every_runtime_recognises_the_photograph(kubectl: Kubectl, served: Served):
    prediction = smoke(URL, served.artifact, patience_seconds=60)

    assert prediction["label"] == LABEL
    assert httpx.get(f"{URL}/v2/models/{MODEL}").json()["platform"] == PLATFORMS[served.runtime]
    assert httpx.get(f"{URL}/health/ready").json()["device"] == "cpu"
    metadata = served.pod["metadata"]
    (server,) = kubectl.get("pod", metadata["name"], f"--namespace={metadata['namespace']}")["status"][
        "containerStatuses"
    ]
    assert server["restartCount"] == 0
    note(kubectl, served)


def note(kubectl: Kubectl, served: Served) -> None:
    """Print the sizes of the image and the pod, and store that of the image for the benchmark's table."""
    metadata = served.pod["metadata"]
    sizes = json.loads(SIZES.read_text()) if SIZES.exists() else {}
    sizes[served.runtime] = size_over_base(served.pod["spec"]["containers"][0]["image"])
    SIZES.write_text(json.dumps(sizes))
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}:8001/proxy/metrics"
    found = re.search(r"^process_resident_memory_bytes (\S+)", kubectl("get", f"--raw={path}"), re.MULTILINE)
    assert found
    sys.stderr.write(
        f"{served.runtime}: the image holds {sizes[served.runtime] / 1e6:.0f} MB over its base, "
        f"the server {float(found[1]) / 2**20:.0f} MiB of memory\n"
    )
