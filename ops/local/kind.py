"""The local cluster with Docker and kind: https://kind.sigs.k8s.io/docs/user/local-registry/."""

from pathlib import Path

import yaml

from ops.commands import output_of
from ops.local.debian import PYTHON, SUITE
from ops.local.images import BUILD_IMAGE, METRICS_SERVER, RUNTIME_IMAGE
from ops.local.kubectl import Kubectl
from ops.local.paths import BUILDER, CONTEXT, KUBECONFIG, REGISTRY
from ops.progress import say, step

NAME = "slipway"
NODE_IMAGE = "kindest/node:v1.34.3@sha256:08497ee19eace7b4b5348db5c6a1591d7752b164530a36f855cb0f2bdcbadd48"
"""The digest is from the release notes of kind v0.31.0: https://github.com/kubernetes-sigs/kind/releases."""

REGISTRY_IMAGE = "registry:2@sha256:a3d8aaa63ed8681a604f1dea0aa03f100d5895b6a58ace528858a7b332415373"
REGISTRY_CONTAINER = "slipway-registry"
NODE_PORTS = range(30080, 30085)
PYTHON_IMAGE = f"python:{PYTHON}-slim-{SUITE}"
IMAGES = {
    BUILD_IMAGE: PYTHON_IMAGE,
    RUNTIME_IMAGE: PYTHON_IMAGE,
    METRICS_SERVER: f"registry.k8s.io/metrics-server/metrics-server:{METRICS_SERVER.rpartition(':')[2]}",
}
"""The images that the local registry must hold, each with the image that it is copied from."""

MANIFESTS = Path(__file__).parent / "manifests"


def up() -> bool:
    """Create the cluster, its registry and a builder, unless the cluster is running and healthy.

    Returns:
        Whether the cluster is new, and so holds no stack.

    Raises:
        OperationError: a step failed; whatever was created is removed again.

    """
    if healthy():
        say("the local cluster is running")
        return False
    say("Docker and kind are installed: the local cluster is a kind cluster")
    down()
    try:
        with step("start the registry"):
            _start_registry()
        with step("create the kind cluster"):
            KUBECONFIG.parent.mkdir(exist_ok=True)
            create = ["kind", "create", "cluster", f"--name={NAME}", f"--image={NODE_IMAGE}", "--config=-"]
            output_of([*create, f"--kubeconfig={KUBECONFIG}", "--wait=120s"], stdin=_cluster_config())
            kubectl()("config", "rename-context", f"kind-{NAME}", CONTEXT)
            _configure_registry_on_nodes()
        with step("push the base images and metrics-server"):
            _push_images()
        with step("start metrics-server"):
            _start_metrics()
    except BaseException:
        down()
        raise
    return True


def down() -> None:
    """Delete the cluster, the registry's container and the builder."""
    if NAME in output_of(["kind", "get", "clusters"]).split():
        output_of(["kind", "delete", "cluster", f"--name={NAME}", f"--kubeconfig={KUBECONFIG}"])
    if BUILDER in output_of(["docker", "buildx", "ls", "--format={{.Name}}"]).split():
        output_of(["docker", "buildx", "rm", BUILDER])
    output_of(["docker", "rm", "--force", "--volumes", REGISTRY_CONTAINER])
    KUBECONFIG.unlink(missing_ok=True)


def healthy() -> bool:
    """Tell whether the API server is ready."""
    return KUBECONFIG.exists() and kubectl().ready()


def status() -> str:
    """Return the nodes and the pods."""
    if not healthy():
        return "the local cluster is not running; start it with `make cluster`"
    return kubectl()("get", "nodes") + kubectl()("get", "pods", "--all-namespaces")


def kubectl() -> Kubectl:
    """Return the kubectl on PATH."""
    return Kubectl(None)


def buildx() -> list[str]:
    """Return Docker's buildx."""
    return ["docker", "buildx"]


def _push_images() -> None:
    for image, source in IMAGES.items():
        output_of(["docker", "pull", "--quiet", source])
        output_of(["docker", "tag", source, image])
        output_of(["docker", "push", "--quiet", image])


def _start_metrics() -> None:
    run = kubectl()
    run("apply", *(f"--filename={MANIFESTS / f'{part}.yaml'}" for part in ("metrics-server", "metrics-api")))
    run("rollout", "status", "deployment/metrics-server", "--namespace=kube-system", "--timeout=180s")


def _start_registry() -> None:
    port = f"--publish={REGISTRY}:5000"
    output_of(
        [
            "docker",
            "run",
            "--detach",
            "--restart=always",
            port,
            f"--name={REGISTRY_CONTAINER}",
            REGISTRY_IMAGE,
        ]
    )
    config = f'[registry."{REGISTRY}"]\n  http = true\n'
    create = ["docker", "buildx", "create", f"--name={BUILDER}", "--driver=docker-container"]
    output_of([*create, "--driver-opt=network=host", "--buildkitd-config=/dev/stdin"], stdin=config)


def _cluster_config() -> str:
    mappings = [
        {"containerPort": port, "hostPort": port, "listenAddress": "127.0.0.1"} for port in NODE_PORTS
    ]
    return yaml.safe_dump(
        {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "nodes": [{"role": "control-plane", "extraPortMappings": mappings}],
        }
    )


def _configure_registry_on_nodes() -> None:
    output_of(["docker", "network", "connect", "kind", REGISTRY_CONTAINER])
    folder = f"/etc/containerd/certs.d/{REGISTRY}"
    for node in output_of(["kind", "get", "nodes", f"--name={NAME}"]).split():
        output_of(["docker", "exec", node, "mkdir", "-p", folder])
        output_of(
            ["docker", "exec", "-i", node, "cp", "/dev/stdin", f"{folder}/hosts.toml"],
            stdin=f'[host."http://{REGISTRY_CONTAINER}:5000"]\n',
        )
