"""The cluster where Docker is not: each part a process of this machine, built from package registries."""

import os
import shutil
import socket
from pathlib import Path

import httpx

from ops.errors import OperationError
from ops.local import machine, network
from ops.local.control_plane import API_PORT, SOCKET, start_control_plane
from ops.local.images import build_images, forget_builder, start_buildkit, start_registry
from ops.local.kubectl import Kubectl
from ops.local.node import start_containerd, start_node
from ops.local.paths import KUBECONFIG, REGISTRY_PORT, STATE
from ops.local.prepare import prepare
from ops.local.processes import end_shims, find, started, stop, wait_for
from ops.progress import say, step

MANIFESTS = Path(__file__).parent / "manifests"
BIN = STATE / "bin"
"""Points at the folder of the binaries that the cluster runs."""

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
    """Start the cluster, or leave it as it is where it is healthy.

    Returns:
        Whether it is a new one, which holds nothing.

    Raises:
        OperationError: it cannot be started; then nothing of it is left.

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
    machine.note()
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
    # What kubeadm would bind: the API server's client certificate for the kubelet, for logs and exec.
    admins = "kubeadm:cluster-admins"
    run("create", "clusterrolebinding", admins, "--clusterrole=cluster-admin", f"--group={admins}")
    run("apply", f"--filename={MANIFESTS / 'metrics-server.yaml'}")
    server, here = "deployment/metrics-server", "--namespace=kube-system"
    run("rollout", "status", server, here, f"--timeout={METRICS_SECONDS}s")
    # Only now the API: before kube-proxy knows the service, a call to its address leaves the machine, and
    # the API server keeps a connection to whatever answers there.
    address = run.get("service/metrics-server", here)["spec"]["clusterIP"]
    wait_for("kube-proxy", "metrics-server has its address", lambda: answers(address), METRICS_SECONDS)
    run("apply", f"--filename={MANIFESTS / 'metrics-api.yaml'}")
    have_figures = ("top", "nodes")
    wait_for("kube-apiserver", "there are CPU figures", lambda: run.succeeds(*have_figures), METRICS_SECONDS)


def answers(address: str) -> bool:
    """Tell whether a part of the API answers at its service's address that it is ready."""
    try:
        # The certificate is the server's own; nothing is sent.
        return httpx.get(f"https://{address}/readyz", verify=False).text == "ok"  # noqa: S501
    except httpx.TransportError:
        return False


def down() -> None:
    """End every process, and undo every change to the machine. Works after a half start, and twice."""
    if not STATE.exists():
        return
    with step("stop the local cluster"):
        if BIN.exists() and (BIN / "buildx").exists():
            forget_builder(BIN)
        # The kubelet first: it would start anew what ends after it.
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
                    f"port {port}, which {owner} needs, is taken; `ss -ltnp` says by which process"
                ) from None
