"""Start Prometheus, Alertmanager, their operator, kube-state-metrics and KEDA on the local cluster.

Shared clusters install them with the charts kube-prometheus-stack and keda. Here they are built from Go
modules, as the cluster itself is. A stack with `monitoring: existing` uses them.
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
from ops.local.rollout import SECONDS, apply_definitions, wait_for_rollout
from ops.progress import step

URL = "http://127.0.0.1:30090"
"""The address of Prometheus on this machine, for the user and for tests."""

IMAGES = {
    "prometheus-operator": {
        "operator": f"{REGISTRY}/prometheus-operator:v0.85.0",
        "prometheus-config-reloader": f"{REGISTRY}/prometheus-config-reloader:v0.85.0",
    },
    "prometheus": {"prometheus": f"{REGISTRY}/prometheus:v3.13.5"},
    "alertmanager": {"alertmanager": f"{REGISTRY}/alertmanager:v0.31.1"},
    "kube-state-metrics": {"kube-state-metrics": f"{REGISTRY}/kube-state-metrics:v2.18.0"},
    "keda": {
        "operator": f"{REGISTRY}/keda:2.21.0",
        "adapter": f"{REGISTRY}/keda-metrics-apiserver:2.21.0",
    },
}
"""The image of each program, by its Go module and its name."""

OPERATOR_KINDS = (
    "alertmanagerconfigs",
    "alertmanagers",
    "podmonitors",
    "probes",
    "prometheuses",
    "prometheusrules",
    "servicemonitors",
)
"""The custom resources that the Prometheus operator may read here."""

CHART_DEFINITIONS = ("scaledobjects.keda.sh", "servicemonitors.monitoring.coreos.com")
"""Custom resource definitions that show that the charts are installed."""


def up() -> None:
    """Start monitoring and autoscaling on the running cluster, and wait until they work.

    Raises:
        OperationError: the cluster is not running, or a program does not start.

    """
    if driver() is not from_modules:
        # On a kind cluster the user installs the charts.
        if (
            driver()
            .kubectl()
            .succeeds("get", *(f"customresourcedefinition/{kind}" for kind in CHART_DEFINITIONS))
        ):
            return
        raise OperationError(
            "the images of Prometheus and KEDA are not built for a kind cluster: install the charts "
            "kube-prometheus-stack and keda on it"
        )
    if not from_modules.healthy():
        raise OperationError("the local cluster is not running; start it with `make cluster`")
    for (_, programs), folder in zip(IMAGES.items(), build(*IMAGES), strict=True):
        for program, image in programs.items():
            push_program(image, folder / program, BIN)
    with step("start Prometheus, Alertmanager, their operator and kube-state-metrics"):
        _start_prometheus()
    with step("start KEDA"):
        _start_keda()


def _start_prometheus() -> None:
    run = from_modules.kubectl()
    module = "prometheus-operator"
    definitions = sources(module, f"github.com/{module}/{module}", "example/prometheus-operator-crd")
    apply_definitions(
        [f"--filename={definitions / f'monitoring.coreos.com_{kind}.yaml'}" for kind in OPERATOR_KINDS]
    )
    parts = ("prometheus-operator", "kube-state-metrics", "alertmanager", "prometheus")
    run("apply", *(f"--filename={MANIFESTS / f'{part}.yaml'}" for part in parts))
    for name in ("prometheus-operator", "kube-state-metrics"):
        wait_for_rollout(name, "monitoring")
    is_available = ("--for=condition=Available", "--namespace=monitoring", f"--timeout={SECONDS}s")
    run("wait", "alertmanager/alertmanager", "prometheus/prometheus", *is_available)
    wait_for("kube-proxy", "Prometheus answers", _prometheus_is_ready, SECONDS)


def _start_keda() -> None:
    run = from_modules.kubectl()
    here = "--namespace=keda"
    apply_definitions([f"--kustomize={sources('keda', 'github.com/kedacore/keda/v2', 'config/crd')}"])
    run("apply", f"--filename={MANIFESTS / 'keda.yaml'}")
    # The adapter reads the certificates only when it starts, so the operator must have made them before.
    certificates = ("secret/kedaorg-certs", here, f"--timeout={SECONDS}s")
    run("wait", *certificates, "--for=create")
    run("wait", *certificates, r"--for=jsonpath={.data.tls\.crt}")
    run("apply", f"--filename={MANIFESTS / 'keda-metrics-apiserver.yaml'}")
    for name in ("keda-operator", "keda-metrics-apiserver"):
        wait_for_rollout(name, "keda")
    # Register the API only when kube-proxy routes the address, as for metrics-server.
    address = run.get("service/keda-metrics-apiserver", here)["spec"]["clusterIP"]
    wait_for(
        "kube-proxy", "kube-proxy routes the address of KEDA's metrics", lambda: answers(address), SECONDS
    )
    run("apply", f"--filename={MANIFESTS / 'keda-api.yaml'}")
    api = "apiservice/v1beta1.external.metrics.k8s.io"
    run("wait", api, "--for=condition=Available", f"--timeout={SECONDS}s")


def _prometheus_is_ready() -> bool:
    try:
        return httpx.get(f"{URL}/-/ready").is_success
    except httpx.TransportError:
        return False
