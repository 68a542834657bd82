"""The local cluster without Docker: each of its programs is built from source and runs on this machine."""

import os
import shutil
import socket
from pathlib import Path

import httpx

from ops.errors import OperationError
from ops.local import machine, network
from ops.local.control_plane import API_PORT, SOCKET, start_control_plane
from ops.local.images import build_images, remove_builder, start_buildkit, start_registry
from ops.local.kubectl import Kubectl
from ops.local.node import start_containerd, start_node
from ops.local.paths import KUBECONFIG, REGISTRY_PORT, STATE
from ops.local.prepare import prepare
from ops.local.processes import end_shims, find, started, stop, wait_for
from ops.progress import say, step

MANIFESTS = Path(__file__).parent / "manifests"
BIN = STATE / "bin"
"""A link to the folder of the programs that the cluster runs."""

PORTS = {
    2379: "etcd",
    2380: "etcd",
    REGISTRY_PORT: "the registry",
    API_PORT: "the API server",
    10248: "the kubelet",
    10249: "kube-proxy",
    10250: "the kubelet",
    10256: "kube-proxy",
    10257: "the controller manager",
    10259: "the scheduler",
}
METRICS_SECONDS = 120


def up() -> bool:
    """Start the cluster, unless it is running and healthy.

    Returns:
        Whether the cluster is new, and so holds no stack.

    Raises:
        OperationError: it cannot be started; whatever was started is removed again.

    """
    if healthy():
        say("the local cluster is running")
        return False
    if os.geteuid() != 0:
        raise OperationError("a cluster without Docker needs root: use sudo, or install Docker and kind")
    down()
    bin_folder = prepare()
    _check_ports()
    STATE.mkdir(parents=True)
    BIN.symlink_to(bin_folder)
    try:
        _start(bin_folder)
    except BaseException:
        down()
        raise
    return True


def _start(bin_folder: Path) -> None:
    machine.record()
    network.add_bridge()
    with step("start the registry and BuildKit"):
        start_registry()
        start_buildkit(bin_folder)
    build_images(bin_folder)
    with step("start the control plane"):
        start_control_plane(bin_folder)
    with step("start the node"):
        start_containerd()
        start_node(bin_folder)
    with step("start metrics-server"):
        _start_metrics()


def _start_metrics() -> None:
    run = kubectl()
    # As kubeadm does: let the API server call the kubelet with its client certificate, for logs and exec.
    admins = "kubeadm:cluster-admins"
    run("create", "clusterrolebinding", admins, "--clusterrole=cluster-admin", f"--group={admins}")
    run("apply", f"--filename={MANIFESTS / 'metrics-server.yaml'}")
    server, here = "deployment/metrics-server", "--namespace=kube-system"
    run("rollout", "status", server, here, f"--timeout={METRICS_SECONDS}s")
    # Register the API only when kube-proxy routes the service's address. Until then a call to it would leave
    # the machine, and the API server would keep its connection to whatever answers there.
    address = run.get("service/metrics-server", here)["spec"]["clusterIP"]
    wait_for(
        "kube-proxy",
        "kube-proxy routes the address of metrics-server",
        lambda: answers(address),
        METRICS_SECONDS,
    )
    run("apply", f"--filename={MANIFESTS / 'metrics-api.yaml'}")
    wait_for(
        "kube-apiserver",
        "metrics-server reports CPU usage",
        lambda: run.succeeds("top", "nodes"),
        METRICS_SECONDS,
    )


def answers(address: str) -> bool:
    """Tell whether the server of an aggregated API is ready.

    Args:
        address: the cluster IP of its Service.

    """
    try:
        # The server signs its own certificate; the request holds no secret.
        return httpx.get(f"https://{address}/readyz", verify=False).text == "ok"  # noqa: S501
    except httpx.TransportError:
        return False


def down() -> None:
    """Stop every process of the cluster and undo every change to the machine.

    It also works if the cluster was started only in part, or if it is down already.
    """
    if not STATE.exists():
        return
    with step("stop the local cluster"):
        if BIN.exists() and (BIN / "buildx").exists():
            remove_builder(BIN)
        # The kubelet must stop first: it would restart the pods that are stopped next.
        stop(["kubelet"])
        end_shims(SOCKET)
        stop(started())
        machine.restore()
        shutil.rmtree(STATE)
        KUBECONFIG.unlink(missing_ok=True)


def healthy() -> bool:
    """Tell whether every process runs and the API server is ready."""
    names = started()
    return bool(names) and all(find(name) for name in names) and BIN.exists() and kubectl().ready()


def kubectl() -> Kubectl:
    """Return the cluster's own kubectl."""
    return Kubectl(BIN)


def buildx() -> list[str]:
    """Return the cluster's own buildx."""
    return [str(BIN / "buildx")]


def status() -> str:
    """Return a line for each process, then the node and the pods."""
    lines = [
        f"{name:<24} {f'runs, pid {process.pid}' if (process := find(name)) else 'ended'}"
        for name in started()
    ]
    if not lines:
        return "the local cluster is not running; start it with `make cluster`"
    if healthy():
        lines += [kubectl()("get", "nodes"), kubectl()("get", "pods", "--all-namespaces")]
    return "\n".join(lines)


def _check_ports() -> None:
    for port, owner in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise OperationError(
                    f"port {port}, which {owner} needs, is in use; `ss -ltnp` shows by which process"
                ) from None
