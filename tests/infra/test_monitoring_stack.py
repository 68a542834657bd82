import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from infra.charts import KEDA, KUBE_PROMETHEUS_STACK, PROMETHEUS_ADAPTER
from infra.settings.values import mebibytes
from ops.helm import Release
from ops.program import Monitor, Recorder, Run
from tests.infra.conftest import (
    EXISTING,
    INSTALL,
    PASSWORD,
    QUEUE_DEPTH,
    Declare,
    is_secret,
)

KEDA_BACKEND = {"autoscalingBackend": "keda"}
ADAPTER_BACKEND = {"autoscalingBackend": "prometheus-adapter", **QUEUE_DEPTH}


@pytest.fixture
def releases(program: Callable[..., Run]) -> Callable[..., dict[str, Release]]:
    return lambda **config: {release.name: release for release in program(**config).releases()}


Releases = Callable[..., dict[str, Release]]


@pytest.mark.parametrize("config", [{}, EXISTING, EXISTING | KEDA_BACKEND, EXISTING | ADAPTER_BACKEND])
def test_nothing_is_installed_unless_a_setting_says_so(
    releases: Releases, watch: Declare, config: dict[str, str]
):
    assert releases(**config) == {}
    assert not {"Namespace", "Secret"} & {*watch(**config)}


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({}, ["kube-prometheus-stack"]),
        (KEDA_BACKEND, ["kube-prometheus-stack", "keda"]),
        (KEDA_BACKEND | QUEUE_DEPTH, ["kube-prometheus-stack", "keda"]),
        (ADAPTER_BACKEND, ["kube-prometheus-stack", "prometheus-adapter"]),
    ],
)
def test_the_backend_of_the_autoscaler_is_installed_with_prometheus(
    releases: Releases, config: dict[str, str], names: list[str]
):
    assert list(releases(**INSTALL, **config)) == names


def test_every_release_has_a_fixed_version_a_namespace_and_a_timeout(releases: Releases):
    for config in (KEDA_BACKEND, ADAPTER_BACKEND):
        for release in releases(**INSTALL, **config, monitoringNamespace="apart").values():
            assert re.fullmatch(r"\d+\.\d+\.\d+", release.version), release.name
            assert (release.repository or "").startswith("https://"), release.name
            assert release.namespace == "apart", release.name
            assert (release.timeout_seconds or 0) >= 600, release.name
    assert len({KEDA, KUBE_PROMETHEUS_STACK, PROMETHEUS_ADAPTER}) == 3


def test_the_engine_waits_for_a_release_as_long_as_helm_does(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
):
    timeouts = {}
    register = Monitor.RegisterResource

    def note(self: Monitor, request: Any) -> Any:
        if request.type.endswith(":Release"):
            given = request.customTimeouts
            timeouts[request.name] = {given.create, given.update, given.delete}
        return register(self, request)

    monkeypatch.setattr(Monitor, "RegisterResource", note)
    program(**INSTALL)

    assert timeouts == {"monitoring-kube-prometheus-stack": {"900s"}}


def test_the_address_of_prometheus_is_the_one_that_the_autoscalers_use(
    releases: Releases, program: Callable[..., Run]
):
    url = "http://kube-prometheus-stack-prometheus.monitoring:9090"
    found = releases(**INSTALL, **ADAPTER_BACKEND)
    (scaled,) = [
        manifest
        for manifest in program(**INSTALL, **KEDA_BACKEND, **QUEUE_DEPTH).objects()
        if manifest["kind"] == "ScaledObject"
    ]

    assert found["kube-prometheus-stack"].values["fullnameOverride"] == "kube-prometheus-stack"
    # Without a port of its own the chart appends 9090.
    assert found["prometheus-adapter"].values["prometheus"] == {"url": url, "port": 0}
    addresses = [trigger["metadata"].get("serverAddress") for trigger in scaled["spec"]["triggers"]]
    assert addresses == [url, None]


def test_the_adapter_serves_the_metric_of_the_autoscaler(releases: Releases, declare: Declare):
    config = {**INSTALL, **ADAPTER_BACKEND}
    (rule,) = releases(**config)["prometheus-adapter"].values["rules"]["external"]
    metrics = declare(**config)["HorizontalPodAutoscaler"]["spec"]["metrics"]

    (external,) = [metric["external"] for metric in metrics if metric["type"] == "External"]
    assert rule["name"]["as"] == external["metric"]["name"]
    assert releases(**config)["prometheus-adapter"].values["rules"]["default"] is False


def test_prometheus_selects_objects_of_every_namespace_and_keeps_samples_for_the_window(releases: Releases):
    values = releases(**INSTALL, sloWindowDays="45")["kube-prometheus-stack"].values
    spec = values["prometheus"]["prometheusSpec"]

    nil = {key: value for key, value in spec.items() if key.endswith("SelectorNilUsesHelmValues")}
    kinds = ("podMonitor", "probe", "rule", "scrapeConfig", "serviceMonitor")
    assert nil == {f"{kind}SelectorNilUsesHelmValues": False for kind in kinds}
    assert spec["retention"] == "45d"


@pytest.mark.parametrize(("asked", "retained"), [("", "16384MB"), ("50Gi", "40960MB"), ("1Gi", "819MB")])
def test_samples_are_on_a_volume_if_a_size_is_set_and_do_not_fill_it(
    releases: Releases, asked: str, retained: str
):
    values = releases(**INSTALL, prometheusStorage=asked)["kube-prometheus-stack"].values
    spec = values["prometheus"]["prometheusSpec"]

    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": asked}}}
    assert spec.get("storageSpec") == ({"volumeClaimTemplate": {"spec": claim}} if asked else None)
    assert spec["retentionSize"] == retained


def test_grafana_reads_labelled_dashboards_in_every_namespace(releases: Releases, watch: Declare):
    sidecar = releases(**INSTALL)["kube-prometheus-stack"].values["grafana"]["sidecar"]["dashboards"]

    assert sidecar["searchNamespace"] == "ALL"
    labels = watch(**INSTALL)["ConfigMap"]["metadata"]["labels"]
    assert labels[sidecar["label"]] == sidecar["labelValue"]


def test_grafana_reads_config_maps_and_no_secrets(releases: Releases, program: Callable[..., Run]):
    grafana = releases(**INSTALL)["kube-prometheus-stack"].values["grafana"]
    objects = {item["kind"]: item for item in program(**INSTALL).objects()}
    role, binding = objects["ClusterRole"], objects["ClusterRoleBinding"]

    # The chart's own role may read Secrets.
    assert grafana["rbac"] == {"create": False}
    assert {kind["resource"] for kind in grafana["sidecar"].values()} == {"configmap"}
    assert [rule["resources"] for rule in role["rules"]] == [["configmaps"]]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (subject,) = binding["subjects"]
    account = {"kind": "ServiceAccount", "name": grafana["serviceAccount"]["name"], "namespace": "monitoring"}
    assert subject == account


def test_every_part_asks_for_the_memory_that_it_needs_and_has_a_limit(releases: Releases):
    found = releases(**INSTALL, **ADAPTER_BACKEND)
    stack = found["kube-prometheus-stack"].values
    parts = [
        stack["prometheus"]["prometheusSpec"],
        stack["prometheusOperator"],
        stack["alertmanager"]["alertmanagerSpec"],
        stack["grafana"],
        found["prometheus-adapter"].values,
    ]

    for part in parts:
        requests, limits = part["resources"]["requests"], part["resources"]["limits"]
        assert {*requests} == {"cpu", "memory"}
        # A CPU limit would hold a part back while much happens.
        assert {*limits} == {"memory"}
        assert mebibytes(requests["memory"]) < mebibytes(limits["memory"])


@pytest.mark.parametrize(("asked", "has_volume"), [("", False), ("50Gi", True)])
def test_alertmanager_reads_every_config_and_keeps_silences_where_samples_are_kept(
    releases: Releases, asked: str, has_volume: bool
):
    values = releases(**INSTALL, prometheusStorage=asked)["kube-prometheus-stack"].values
    spec = values["alertmanager"]["alertmanagerSpec"]

    assert spec["alertmanagerConfigSelector"] == spec["alertmanagerConfigNamespaceSelector"] == {}
    assert ("storage" in spec) is has_volume


def test_a_release_that_fails_is_undone(program: Callable[..., Run]):
    charts = [resource for resource in program(**INSTALL, **KEDA_BACKEND).resources if resource.release]

    assert [(item.inputs["atomic"], item.inputs["cleanupOnFail"]) for item in charts] == [(True, True)] * 2


def test_grafanas_password_is_only_in_its_secret(program: Callable[..., Run], watch: Declare):
    declared = program(**INSTALL)
    secret = watch(**INSTALL)["Secret"]

    assert is_secret(secret["stringData"])
    assert secret["stringData"]["value"] == {"admin-user": "admin", "admin-password": PASSWORD}
    holders = [resource.name for resource in declared.resources if PASSWORD in json.dumps(resource.inputs)]
    assert holders == ["monitoring-grafana-admin"]


def test_grafana_reads_its_administrator_from_that_secret(releases: Releases, watch: Declare):
    admin = releases(**INSTALL)["kube-prometheus-stack"].values["grafana"]["admin"]
    secret = watch(**INSTALL)["Secret"]

    assert admin["existingSecret"] == secret["metadata"]["name"]
    assert secret["metadata"]["namespace"] == "monitoring"
    assert {admin["userKey"], admin["passwordKey"]} == {*secret["stringData"]["value"]}


def test_a_changed_password_is_a_new_secret_and_restarts_grafana(watch: Declare, releases: Releases):
    other = INSTALL | {"secret": {"grafanaAdminPassword": "Tr0ub4dor"}}

    assert watch(**INSTALL)["Secret"]["immutable"] is True
    admins = [
        releases(**config)["kube-prometheus-stack"].values["grafana"]["admin"] for config in (INSTALL, other)
    ]
    assert admins[0]["existingSecret"] != admins[1]["existingSecret"]


def test_the_namespace_of_monitoring_admits_the_node_exporter(watch: Declare):
    namespace = watch(**INSTALL)["Namespace"]

    assert namespace["metadata"]["name"] == "monitoring"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_objects_of_kinds_that_a_chart_defines_come_after_it(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
):
    registered: list[str] = []
    new_resource = Recorder.new_resource

    def in_order(self: Recorder, args: Any) -> Any:
        registered.append(args.name)
        return new_resource(self, args)

    monkeypatch.setattr(Recorder, "new_resource", in_order)
    program(**INSTALL, **KEDA_BACKEND, **QUEUE_DEPTH)

    stack, keda = (registered.index(f"monitoring-{name}") for name in ("kube-prometheus-stack", "keda"))
    assert registered.index("monitoring-namespace") < stack < keda
    assert stack < registered.index("model-servicemonitor")
    assert stack < registered.index("model-prometheusrule")
    assert keda < registered.index("model-autoscaler")
