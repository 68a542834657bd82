"""In which order the parts are started, and that their addresses agree; the cluster itself is not asked."""

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ops.errors import OperationError
from ops.local import from_modules, kind, monitoring
from ops.local.network import SERVICES
from ops.stack import PROJECT, Stack
from tests.ops.local.recorded import RecordedCluster


class Cluster(RecordedCluster):
    """A cluster that records how Prometheus and KEDA are started."""

    applied = "customresourcedefinition/one customresourcedefinition/two"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch, monitoring)
        self.has_charts = False
        monkeypatch.setattr(monitoring, "wait_for", lambda _, what, *__: self.did.append(f"until {what}"))

    def succeeds(self, verb: str, *kinds: str) -> bool:
        assert verb == "get"
        assert {*kinds} == {
            "customresourcedefinition/scaledobjects.keda.sh",
            "customresourcedefinition/servicemonitors.monitoring.coreos.com",
        }
        return self.has_charts

    def get(self, *_: str) -> dict[str, Any]:
        return {"spec": {"clusterIP": "10.96.7.7"}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def test_the_error_without_a_cluster_says_how_to_start_it(cluster: Cluster):
    cluster.is_healthy = False

    with pytest.raises(OperationError, match="start it with `make cluster`"):
        monitoring.up()

    assert cluster.did == []


def test_the_error_on_kind_names_the_charts_to_install(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(monitoring, "driver", lambda: kind)
    monkeypatch.setattr(kind, "kubectl", lambda: cluster)

    with pytest.raises(OperationError, match="kube-prometheus-stack and keda"):
        monitoring.up()

    assert cluster.did == []


def test_installed_charts_on_kind_are_not_changed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(monitoring, "driver", lambda: kind)
    monkeypatch.setattr(kind, "kubectl", lambda: cluster)
    cluster.has_charts = True

    monitoring.up()

    assert cluster.did == []


def test_every_image_is_pushed_before_a_pod_asks_for_it(cluster: Cluster):
    monitoring.up()

    first = min(index for index, line in enumerate(cluster.did) if line.startswith("apply"))
    pushes = [cluster.at("push", image) for of in monitoring.IMAGES.values() for image in of.values()]
    assert max(pushes) < first


def test_custom_resource_definitions_are_established_before_their_objects_are_applied(cluster: Cluster):
    monitoring.up()

    established = "wait customresourcedefinition/one customresourcedefinition/two --for=condition=Established"
    monitors, scalers = [index for index, line in enumerate(cluster.did) if line.startswith(established)]
    assert cluster.at("monitoring.coreos.com_prometheuses.yaml") < monitors
    assert monitors < cluster.at("manifests/prometheus.yaml")
    assert cluster.at("--kustomize=/sources/keda/config/crd") < scalers < cluster.at("manifests/keda.yaml")


def test_the_metrics_adapter_starts_after_its_certificates_exist(cluster: Cluster):
    monitoring.up()

    secret = cluster.at("wait secret/kedaorg-certs", "--for=create")
    certificates = cluster.at("wait secret/kedaorg-certs", "--for=jsonpath")
    assert cluster.at("manifests/keda.yaml") < secret < certificates
    assert certificates < cluster.at("manifests/keda-metrics-apiserver.yaml")


def test_the_api_is_registered_after_its_service_answers(cluster: Cluster):
    monitoring.up()

    added = cluster.at("manifests/keda-api.yaml")
    assert cluster.at("until kube-proxy routes the address of KEDA's metrics") < added
    assert added < cluster.at("wait apiservice/v1beta1.external.metrics.k8s.io --for=condition=Available")


def objects(kind: str) -> Iterator[dict[str, Any]]:
    for manifest in sorted(from_modules.MANIFESTS.glob("*.yaml")):
        yield from (item for item in yaml.safe_load_all(manifest.read_text()) if item["kind"] == kind)


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [item for item in objects(kind) if item["metadata"]["name"] == name]
    return found["spec"]


def test_prometheus_has_the_addresses_that_the_watched_stack_and_the_user_use():
    service = named("Service", "prometheus")
    (port,) = service["ports"]

    assert f"http://{service['clusterIP']}:{port['port']}" == Stack.read("watched").get("prometheusUrl")
    assert f"http://127.0.0.1:{port['nodePort']}" == monitoring.URL


def test_the_metrics_adapter_uses_the_address_of_kedas_service():
    (alias,) = named("Deployment", "keda-metrics-apiserver")["template"]["spec"]["hostAliases"]

    assert alias["ip"] == named("Service", "keda-operator")["clusterIP"]


def test_fixed_addresses_are_outside_the_range_of_dynamic_ones():
    fixed = [item["spec"].get("clusterIP", "None") for item in objects("Service")]
    fixed = [ipaddress.ip_address(address) for address in fixed if address != "None"]

    # https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/: the first 256 of a /16.
    first = ipaddress.ip_network(SERVICES).network_address
    assert len(fixed) == len(set(fixed)) == 2
    assert all(1 < int(address) - int(first) <= 256 for address in fixed)


def test_alertmanager_has_the_address_that_the_user_and_prometheus_use():
    (port,) = named("Service", "alertmanager")["ports"]
    (target,) = named("Prometheus", "prometheus")["alerting"]["alertmanagers"]

    page = (PROJECT / "docs" / "local-cluster.md").read_text()
    assert f"<http://127.0.0.1:{port['nodePort']}> | Alertmanager" in page
    # The operator's own Service for every Alertmanager.
    assert target == {"namespace": "monitoring", "name": "alertmanager-operated", "port": "web"}


def test_alertmanager_reads_the_configs_of_every_namespace():
    spec = named("Alertmanager", "alertmanager")

    assert spec["alertmanagerConfigSelector"] == spec["alertmanagerConfigNamespaceSelector"] == {}


def test_prometheus_selects_the_objects_of_every_namespace():
    selectors = {key: value for key, value in named("Prometheus", "prometheus").items() if "Selector" in key}

    assert selectors == {
        f"{what}{scope}Selector": {}
        for what in ("serviceMonitor", "podMonitor", "rule")
        for scope in ("", "Namespace")
    }
