"""Deploy to a real cluster. The tests run in order, from `make up` to `make down`."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import skimage.data
from PIL import Image

from ops.local import from_modules
from ops.local.cluster import driver
from ops.local.images import BUILD_IMAGE, REGISTRY, RUNTIME_IMAGE
from ops.local.kubectl import Kubectl
from ops.stack import PROJECT
from tests.e2e.conftest import MODEL, NAMESPACE, URL, Machine, Make
from tests.e2e.registry import manifest, size_over_base

HERE = f"--namespace={NAMESPACE}"
LABEL = "tiger cat"


@pytest.fixture(scope="module")
def photograph() -> bytes:
    file = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()).save(file, "PNG")
    return file.getvalue()


def ask(photograph: bytes) -> httpx.Response:
    headers = {"content-type": "image/png"}
    return httpx.post(f"{URL}/predict", content=photograph, headers=headers, timeout=30)


def test_up_prints_the_label_of_the_photograph(answer: str):
    prediction = json.loads(answer.splitlines()[0])

    assert prediction["label"] == LABEL
    assert f"url:          {URL}" in answer


def test_a_pod_answers_a_photograph_sent_to_the_service(kubectl: Kubectl, photograph: bytes):
    response = ask(photograph)

    assert response.status_code == 200
    assert response.json()["predictions"][0]["label"] == LABEL
    pods = kubectl.get("pods", HERE)["items"]
    image = {pod["spec"]["containers"][0]["image"] for pod in pods}
    assert all("@sha256:" in reference for reference in image)


def test_the_autoscaler_sees_real_cpu_figures_and_keeps_two_pods(kubectl: Kubectl, eventually: Callable):
    def figures() -> bool:
        hpa = kubectl.get("hpa", MODEL, HERE)
        ready = kubectl.get("deployment", MODEL, HERE)["status"].get("readyReplicas")
        current = hpa["status"].get("currentMetrics") or [{}]
        return ready == 2 and "averageUtilization" in current[0].get("resource", {}).get("current", {})

    eventually(figures, 120)


def declared(kubectl: Kubectl) -> dict[str, Any]:
    """Return every object of the stack: its UID, its content, and the time of its last change."""
    kinds = "namespaces,configmaps,serviceaccounts,deployments,services,hpa,pdb,networkpolicies"
    objects = kubectl.get(kinds, "--all-namespaces", "--selector=app.kubernetes.io/part-of=slipway")["items"]
    return {
        f"{item['kind']}/{item['metadata']['name']}": (
            item["metadata"]["uid"],
            item.get("spec", item.get("data")),
            [field for field in fields if field["operation"] == "Apply"],
        )
        for item in objects
        for fields in [kubectl_managed(kubectl, item)]
    }


def kubectl_managed(kubectl: Kubectl, item: dict[str, Any]) -> list[dict[str, Any]]:
    metadata = item["metadata"]
    where = (f"--namespace={metadata['namespace']}",) if "namespace" in metadata else ()
    whole = kubectl.get(item["kind"], metadata["name"], *where, "--show-managed-fields")
    return whole["metadata"]["managedFields"]


def test_a_second_up_changes_no_object(kubectl: Kubectl, make: Make):
    first = declared(kubectl)
    assert len(first) == 8

    make("up")

    assert declared(kubectl) == first


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_api_server_accepts_the_output_of_render_without_a_warning(
    kubectl: Kubectl, make: Make, stack: str
):
    rendered = make("render", STACK=stack)
    namespace = f"slipway-{stack}"
    if stack != "dev":
        # A dry run creates no namespace, but the objects need it.
        kubectl("create", "namespace", namespace)

    done = subprocess.run(
        [
            *kubectl.command().split(),
            "apply",
            "--dry-run=server",
            "--server-side",
            "--field-manager=slipway",
            "-f-",
        ],
        input=rendered,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.count("(server dry run)") == 8


def image_of(deployment: dict[str, Any]) -> str:
    """Return the image that a Deployment runs, with its digest."""
    return deployment["spec"]["template"]["spec"]["containers"][0]["image"]


def test_a_change_of_the_code_changes_only_the_layer_of_the_code(kubectl: Kubectl, tmp_path: Path):
    deployment = kubectl.get("deployment", MODEL, HERE)
    version = deployment["metadata"]["labels"]["app.kubernetes.io/version"]
    edited_image = f"{REGISTRY}/slipway-e2e/edited:1"
    shutil.copytree(PROJECT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "app" / "settings.py").open("a") as file:
        file.write("\n# An edit.\n")
    arguments = {
        "RUNTIME": "onnx",
        "VERSION": version,
        "SOURCE_DATE_EPOCH": "0",
        "BUILD_IMAGE": BUILD_IMAGE,
        "RUNTIME_IMAGE": RUNTIME_IMAGE,
    }
    subprocess.run(
        [
            *(*driver().buildx(), "build", "--builder=slipway", "--provenance=false"),
            *(f"--build-arg={key}={value}" for key, value in arguments.items()),
            f"--build-context=model={PROJECT / 'build/model' / MODEL / version}",
            f"--tag={edited_image}",
            "--output=type=image,push=true,rewrite-timestamp=true",
            str(tmp_path / "app"),
        ],
        check=True,
    )

    deployed = [layer["digest"] for layer in manifest(image_of(deployment))["layers"]]
    edited = [layer["digest"] for layer in manifest(edited_image)["layers"]]

    changed = [index for index, pair in enumerate(zip(deployed, edited, strict=True)) if len(set(pair)) == 2]
    # Base, dependencies, packages for steps, the code, the folder, the model, its signature, and the steps.
    assert changed == [3]
    assert len(deployed) == 8


def test_the_image_is_small(kubectl: Kubectl):
    unpacked = size_over_base(image_of(kubectl.get("deployment", MODEL, HERE)))
    sys.stderr.write(f"the image holds {unpacked / 1e6:.1f} MB over its base\n")

    assert unpacked < 200e6


def test_a_rolling_update_loses_no_request(kubectl: Kubectl, photograph: bytes, eventually: Callable):
    answers: list[int] = []
    over = False

    def send() -> None:
        while not over:
            answers.append(ask(photograph).status_code)

    sender = Thread(target=send)
    sender.start()
    try:
        kubectl("rollout", "restart", f"deployment/{MODEL}", HERE)
        kubectl("rollout", "status", f"deployment/{MODEL}", HERE, "--timeout=180s")
        # Until the last of the old pods has drained.
        eventually(lambda: len(kubectl.get("pods", HERE)["items"]) == 2, 60)
    finally:
        over = True
        sender.join()

    assert len(answers) > 10
    assert set(answers) == {200}


def test_under_load_the_autoscaler_adds_pods_that_become_ready(kubectl: Kubectl, eventually: Callable):
    load = subprocess.Popen(
        [sys.executable, "-m", "ops", "load", "--stack", "dev", "--seconds", "240"], cwd=PROJECT
    )
    try:

        def more_pods() -> bool:
            assert load.poll() is None, "the load ended before the autoscaler had added a pod"
            return kubectl.get("deployment", MODEL, HERE)["status"].get("readyReplicas", 0) > 2

        seconds = eventually(more_pods, 230)
    finally:
        load.terminate()
        load.wait()

    sys.stderr.write(f"more pods were ready {seconds:.0f} s after the load began\n")
    desired = kubectl.get("hpa", MODEL, HERE)["status"]["desiredReplicas"]
    assert 2 < desired <= 4


def test_down_undoes_every_change_to_the_machine(before: Machine, kubectl: Kubectl, make: Make):  # noqa: ARG001
    make("down")

    assert not driver().healthy()
    # kind leaves Docker's network to its other clusters.
    if driver() is from_modules:
        assert Machine.look() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(URL)
