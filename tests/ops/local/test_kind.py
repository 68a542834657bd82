"""How Docker and kind are called; neither is asked."""

import re
from pathlib import Path

import pytest
import yaml

from ops.errors import OperationError
from ops.local import kind
from ops.local.kubectl import Kubectl
from ops.local.paths import BUILDER, REGISTRY
from ops.stack import Stack
from tests.ops.conftest import Programs

pytestmark = pytest.mark.slow


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "kube" / "config"
    monkeypatch.setattr(kind, "KUBECONFIG", file)
    monkeypatch.setattr(kind, "kubectl", lambda: Kubectl(None, file))
    return file


@pytest.fixture
def machine(only: Programs) -> Programs:
    only.add("kind", (["nodes"], "slipway-control-plane", 0), (["clusters"], "other", 0), deaf=False)
    only.add("docker", (["ls"], "default", 0), deaf=False)
    only.add("kubectl", deaf=False)
    return only


def at(lines: list[str], start: str) -> int:
    (index,) = [index for index, line in enumerate(lines) if line.startswith(start)]
    return index


@pytest.mark.usefixtures("kubeconfig")
def test_the_registry_starts_before_the_cluster(machine: Programs):
    assert kind.up() is True

    lines = machine.lines
    assert at(lines, "docker run") < at(lines, "kind create cluster") < at(lines, "docker network connect")
    assert f"--publish={REGISTRY}:5000" in lines[at(lines, "docker run")]
    assert f"--image={kind.NODE_IMAGE}" in lines[at(lines, "kind create cluster")]


@pytest.mark.usefixtures("kubeconfig")
def test_the_ports_of_the_local_stacks_listen_on_127_0_0_1_only(machine: Programs):
    kind.up()

    (call,) = [item for item in machine.calls if item["arguments"][:2] == ["create", "cluster"]]
    (node,) = yaml.safe_load(call["stdin"])["nodes"]
    mapped = {item["hostPort"]: item for item in node["extraPortMappings"]}
    for stack in ("dev", "watched"):
        port = int(Stack.read(stack).get("exposure.nodePort"))
        assert mapped[port] == {"containerPort": port, "hostPort": port, "listenAddress": "127.0.0.1"}


@pytest.mark.usefixtures("kubeconfig")
def test_the_base_images_and_metrics_server_are_pushed(machine: Programs):
    kind.up()

    lines = machine.lines
    pushed = {line.split()[-1] for line in lines if line.startswith("docker push")}
    assert {Stack.read("dev").get(key) for key in ("buildImage", "runtimeImage")} <= pushed
    documents = yaml.safe_load_all((kind.MANIFESTS / "metrics-server.yaml").read_text())
    (server,) = [item["spec"]["template"]["spec"] for item in documents if item["kind"] == "Deployment"]
    assert server["containers"][0]["image"] in pushed


@pytest.mark.usefixtures("kubeconfig")
def test_metrics_server_comes_from_the_committed_manifest(machine: Programs):
    kind.up()

    (line,) = [line for line in machine.lines if " apply " in line]
    files = [part.partition("=")[2] for part in line.split() if part.startswith("--filename=")]
    assert [Path(file).name for file in files] == ["metrics-server.yaml", "metrics-api.yaml"]
    assert all(Path(file).exists() for file in files)


@pytest.mark.parametrize("image", [kind.NODE_IMAGE, kind.REGISTRY_IMAGE])
def test_the_images_of_kind_are_pinned_by_digest(image: str):
    assert re.search(r"@sha256:[0-9a-f]{64}$", image)


def test_a_healthy_cluster_is_not_changed(machine: Programs, kubeconfig: Path):
    kubeconfig.parent.mkdir()
    kubeconfig.touch()

    assert kind.up() is False
    assert machine.lines == [f"kubectl --kubeconfig {kubeconfig} get --raw=/readyz --request-timeout=2s"]


@pytest.mark.usefixtures("kubeconfig")
def test_a_failed_start_is_undone(machine: Programs):
    machine.add("kind", (["create"], "", 1), (["clusters"], f"other\n{kind.NAME}", 0), deaf=False)

    with pytest.raises(OperationError, match="kind create cluster"):
        kind.up()

    lines = machine.lines[at(machine.lines, "kind create cluster") :]
    at(lines, f"kind delete cluster --name={kind.NAME}")
    at(lines, f"docker rm --force --volumes {kind.REGISTRY_CONTAINER}")


@pytest.mark.usefixtures("machine")
def test_down_removes_the_builder_and_the_kubeconfig(machine: Programs, kubeconfig: Path):
    machine.add("docker", (["ls"], f"default\n{BUILDER}", 0))
    kubeconfig.parent.mkdir()
    kubeconfig.touch()

    kind.down()

    assert f"docker buildx rm {BUILDER}" in machine.lines
    assert not kubeconfig.exists()
