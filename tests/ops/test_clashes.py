"""What a stack would create although it exists."""

import json

import pytest

from infra.autoscaling.args import KUBE_PROMETHEUS_STACK
from ops import clashes
from ops.errors import OperationError
from tests.conftest import StackOf
from tests.ops.conftest import Programs

EXISTING = {"monitoring": "existing"}
INSTALL = {"monitoring": "install", "secret": {"grafanaAdminPassword": "hunter3"}}


def namespace(**labels: str) -> str:
    keys = {"owner": "app.kubernetes.io/instance", "part_of": "app.kubernetes.io/part-of"}
    return json.dumps({"metadata": {"labels": {keys[name]: value for name, value in labels.items()}}})


def test_a_namespace_that_does_not_exist_is_free(stack_of: StackOf, programs: Programs):
    programs.add("kubectl")

    clashes.check(stack_of(**INSTALL, kubeconfig="/etc/kubeconfig", kubeContext="there"))

    assert programs.lines == [
        "kubectl --kubeconfig /etc/kubeconfig --context there get namespace "
        f"{name} --ignore-not-found --output=json"
        for name in ("slipway-prod", "monitoring")
    ]


@pytest.mark.parametrize("labels", [{}, {"owner": "test", "part_of": "slipway"}, {"owner": "prod"}])
def test_a_namespace_that_is_not_the_stacks_own_is_refused(
    stack_of: StackOf, programs: Programs, labels: dict[str, str]
):
    programs.add("kubectl", (["slipway-prod"], namespace(**labels), 0))

    with pytest.raises(OperationError, match="namespace slipway-prod exists already: set createNamespace to"):
        clashes.check(stack_of())


@pytest.mark.parametrize("labels", [{"owner": "prod", "part_of": "slipway"}, {"part_of": "slipway"}])
def test_the_stacks_own_namespaces_stay(stack_of: StackOf, programs: Programs, labels: dict[str, str]):
    programs.add("kubectl", (["namespace"], namespace(**labels), 0))

    clashes.check(stack_of(**INSTALL))


def test_a_namespace_that_is_used_as_it_is_is_not_looked_for(stack_of: StackOf, programs: Programs):
    programs.add("kubectl", (["namespace"], namespace(), 0))

    clashes.check(stack_of(**INSTALL, createNamespace="false", createMonitoringNamespace="false"))

    assert programs.lines == []


def test_a_second_prometheus_on_a_cluster_is_refused_with_the_address_of_the_first(
    stack_of: StackOf, programs: Programs
):
    programs.add("kubectl", (["monitoring"], namespace(owner="staging", part_of="slipway"), 0))

    with pytest.raises(OperationError, match="stack staging has installed it") as raised:
        clashes.check(stack_of(**INSTALL))

    assert (
        "set monitoring to existing and prometheusUrl to "
        "http://kube-prometheus-stack-prometheus.monitoring:9090" in str(raised.value)
    )


def test_a_foreign_namespace_for_prometheus_is_refused(stack_of: StackOf, programs: Programs):
    programs.add("kubectl", (["monitoring"], namespace(), 0))

    with pytest.raises(OperationError, match="set createMonitoringNamespace to false to install into it"):
        clashes.check(stack_of(**INSTALL))


@pytest.mark.parametrize("config", [{"cluster": "gke"}, {"clusterStack": "acme/clusters/prod"}])
def test_a_cluster_that_only_the_engine_reaches_is_not_asked(
    stack_of: StackOf, programs: Programs, config: dict[str, str]
):
    programs.add("kubectl", (["namespace"], namespace(), 0))

    clashes.check(stack_of(**config))

    assert programs.lines == []


def test_the_address_is_that_of_an_installed_prometheus():
    assert f"http://{KUBE_PROMETHEUS_STACK}.{{namespace}}:9090" == clashes.PROMETHEUS


OF_KEDA, OF_ADAPTER = "keda/keda-operator-metrics-apiserver", "monitoring/prometheus-adapter"


def api(server: str) -> str:
    """Return the APIService of external metrics, as the Service NAMESPACE/NAME serves it."""
    namespace, _, name = server.partition("/")
    return json.dumps({"spec": {"service": {"namespace": namespace, "name": name}}})


@pytest.mark.parametrize(
    ("backend", "server"),
    [
        ("keda", OF_ADAPTER),
        ("prometheus-adapter", OF_KEDA),
    ],
)
def test_a_second_server_of_external_metrics_is_refused(
    stack_of: StackOf, programs: Programs, backend: str, server: str
):
    programs.add("kubectl", (["apiservice"], api(server), 0))

    with pytest.raises(OperationError, match=f"autoscalingBackend is {backend}, but {server} serves"):
        clashes.check(stack_of(**EXISTING, autoscalingBackend=backend))


@pytest.mark.parametrize(
    ("backend", "server"),
    [
        ("keda", OF_KEDA),
        ("prometheus-adapter", OF_ADAPTER),
    ],
)
def test_the_server_that_the_autoscaler_needs_is_used(
    stack_of: StackOf, programs: Programs, backend: str, server: str
):
    programs.add("kubectl", (["apiservice"], api(server), 0))

    clashes.check(stack_of(**EXISTING, autoscalingBackend=backend))


def test_keda_is_not_installed_beside_another_keda(stack_of: StackOf, programs: Programs):
    programs.add("kubectl", (["apiservice"], api(OF_KEDA), 0))

    with pytest.raises(OperationError, match=r"keda/keda-.* runs on this cluster already"):
        clashes.check(stack_of(**INSTALL, autoscalingBackend="keda"))


@pytest.mark.parametrize("found", [api("monitoring/keda-operator-metrics-apiserver"), '{"spec": {}}'])
def test_the_keda_of_the_stack_itself_is_no_clash(stack_of: StackOf, programs: Programs, found: str):
    programs.add("kubectl", (["apiservice"], found, 0))

    clashes.check(stack_of(**INSTALL, autoscalingBackend="keda"))
