"""Monitoring and autoscaling for the local cluster: Prometheus, its operator, kube-state-metrics, and KEDA.

What shared clusters have from the charts kube-prometheus-stack and keda, built from Go modules as the cluster
is. A stack whose `monitoring` is `existing` finds here what it names.
"""

import httpx

from ops.errors import OperationError
from ops.local import from_modules
from ops.local.binaries import build, sources
from ops.local.cluster import driver
from ops.local.from_modules import BIN, MANIFESTS, answers
from ops.local.images import push_program
from ops.local.paths import REGISTRY
from ops.local.processes import wait_for
from ops.progress import step

URL = "http://127.0.0.1:30090"
"""Prometheus, for a person and for tests."""

IMAGES = {
    "prometheus-operator": {
        "operator": f"{REGISTRY}/prometheus-operator:v0.85.0",
        "prometheus-config-reloader": f"{REGISTRY}/prometheus-config-reloader:v0.85.0",
    },
    "prometheus": {"prometheus": f"{REGISTRY}/prometheus:v3.13.5"},
    "kube-state-metrics": {"kube-state-metrics": f"{REGISTRY}/kube-state-metrics:v2.18.0"},
    "keda": {
        "operator": f"{REGISTRY}/keda:2.21.0",
        "adapter": f"{REGISTRY}/keda-metrics-apiserver:2.21.0",
    },
}
"""By Go module and program."""

WATCHED = ("podmonitors", "probes", "prometheuses", "prometheusrules", "servicemonitors")
"""The kinds of the Prometheus operator that it is let to see."""

NEEDED = ("scaledobjects.keda.sh", "servicemonitors.monitoring.coreos.com")
"""Kinds that are there where the charts are."""

SECONDS = 180


def up() -> None:
    """Add what is missing to the running cluster, and wait until all of it works.

    Raises:
        OperationError: there is no such cluster, or a part does not start.

    """
    if driver() is not from_modules:
        # Whoever has installed them has them still.
        if driver().kubectl().succeeds("get", *(f"customresourcedefinition/{kind}" for kind in NEEDED)):
            return
        raise OperationError(
            "this cluster is kind's, which these images are not built for: install the charts "
            "kube-prometheus-stack and keda there"
        )
    if not from_modules.healthy():
        raise OperationError("the local cluster is not running; start it with `make cluster`")
    for (_, programs), folder in zip(IMAGES.items(), build(*IMAGES), strict=True):
        for program, image in programs.items():
            push_program(image, folder / program, BIN)
    with step("start Prometheus, its operator and kube-state-metrics"):
        _start_prometheus()
    with step("start KEDA"):
        _start_keda()


def _start_prometheus() -> None:
    run = from_modules.kubectl()
    module = "prometheus-operator"
    definitions = sources(module, f"github.com/{module}/{module}", "example/prometheus-operator-crd")
    _define([f"--filename={definitions / f'monitoring.coreos.com_{kind}.yaml'}" for kind in WATCHED])
    parts = ("prometheus-operator", "kube-state-metrics", "prometheus")
    run("apply", *(f"--filename={MANIFESTS / f'{part}.yaml'}" for part in parts))
    for name in ("prometheus-operator", "kube-state-metrics"):
        _rolled_out(name, "monitoring")
    is_available = ("--for=condition=Available", "--namespace=monitoring", f"--timeout={SECONDS}s")
    run("wait", "prometheus/prometheus", *is_available)
    wait_for("kube-proxy", "Prometheus answers", _prometheus_is_ready, SECONDS)


def _start_keda() -> None:
    run = from_modules.kubectl()
    here = "--namespace=keda"
    _define([f"--kustomize={sources('keda', 'github.com/kedacore/keda/v2', 'config/crd')}"])
    run("apply", f"--filename={MANIFESTS / 'keda.yaml'}")
    # Only now the adapter, which reads once, as it starts, the certificates that the operator makes.
    certificates = ("secret/kedaorg-certs", here, f"--timeout={SECONDS}s")
    run("wait", *certificates, "--for=create")
    run("wait", *certificates, r"--for=jsonpath={.data.tls\.crt}")
    run("apply", f"--filename={MANIFESTS / 'keda-metrics-apiserver.yaml'}")
    for name in ("keda-operator", "keda-metrics-apiserver"):
        _rolled_out(name, "keda")
    # As with metrics-server: only now the API.
    address = run.get("service/keda-metrics-apiserver", here)["spec"]["clusterIP"]
    wait_for("kube-proxy", "KEDA's metrics have their address", lambda: answers(address), SECONDS)
    run("apply", f"--filename={MANIFESTS / 'keda-api.yaml'}")
    api = "apiservice/v1beta1.external.metrics.k8s.io"
    run("wait", api, "--for=condition=Available", f"--timeout={SECONDS}s")


def _define(where: list[str]) -> None:
    """Apply custom resource definitions, which are too large for kubectl's own note of what it applied."""
    run = from_modules.kubectl()
    defined = run("apply", "--server-side", "--output=name", *where).split()
    run("wait", *defined, "--for=condition=Established", f"--timeout={SECONDS}s")


def _rolled_out(name: str, namespace: str) -> None:
    run = from_modules.kubectl()
    run("rollout", "status", f"deployment/{name}", f"--namespace={namespace}", f"--timeout={SECONDS}s")


def _prometheus_is_ready() -> bool:
    try:
        return httpx.get(f"{URL}/-/ready").is_success
    except httpx.TransportError:
        return False
