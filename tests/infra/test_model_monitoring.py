import json
from typing import Any

import pytest

from ops.stack import PROJECT
from tests.conftest import SettingsOf
from tests.infra.conftest import EXISTING, INSTALL, Declare
from tests.monitoring import rule_groups

APPLIED = 262144
"""The largest object, in bytes, that a client-side `kubectl apply` can store in an annotation."""


def matches(selector: dict[str, str], manifest: dict[str, Any]) -> bool:
    return selector.items() <= manifest["metadata"]["labels"].items()


def test_without_an_operator_none_of_its_custom_resources_is_declared(watch: Declare):
    assert watch() == {}


def test_pods_have_scrape_annotations_unless_an_operator_scrapes_them(declare: Declare):
    metadata = declare()["Deployment"]["spec"]["template"]["metadata"]
    assert metadata["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8001",
        "prometheus.io/path": "/metrics",
    }

    for config in (EXISTING, INSTALL):
        assert "annotations" not in declare(**config)["Deployment"]["spec"]["template"]["metadata"]


@pytest.mark.parametrize("config", [EXISTING, INSTALL], ids=["existing", "install"])
def test_with_an_operator_scraping_rules_and_dashboards_are_declared(watch: Declare, config: dict[str, Any]):
    kinds = {*watch(**config)}

    others = {"ClusterRole", "ClusterRoleBinding", "Namespace", "Secret"}
    assert kinds - others == {
        "ConfigMap",
        "PrometheusRule",
        "Service",
        "ServiceMonitor",
    }


def test_the_pods_are_scraped_on_the_port_of_metrics(watch: Declare, declare: Declare):
    pods = declare(**EXISTING)["Deployment"]["spec"]["template"]
    service, monitor = (watch(**EXISTING)[kind] for kind in ("Service", "ServiceMonitor"))

    assert matches(service["spec"]["selector"], pods)
    assert matches(monitor["spec"]["selector"]["matchLabels"], service)
    assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"] == "slipway-prod"
    (port,) = service["spec"]["ports"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert port["name"] == endpoint["port"]
    assert port["targetPort"] in {port["name"] for port in pods["spec"]["containers"][0]["ports"]}
    (policy,) = (
        rule
        for rule in declare(**EXISTING)["NetworkPolicy"]["spec"]["ingress"]
        if rule["ports"] == [{"port": port["targetPort"]}]
    )
    assert policy["from"] == [{"namespaceSelector": {}}]


def test_no_other_service_of_the_stack_is_scraped(watch: Declare, declare: Declare):
    selector = watch(**EXISTING)["ServiceMonitor"]["spec"]["selector"]["matchLabels"]

    assert not matches(selector, declare(**EXISTING)["Service"])


def test_series_are_labelled_by_prometheus_as_queries_select_them(watch: Declare):
    objects = watch(**EXISTING)

    assert objects["Service"]["metadata"]["name"] == "model-metrics"
    (endpoint,) = objects["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint == {"port": "metrics", "interval": "15s", "honorLabels": False}


def test_every_pod_is_scraped_from_its_first_to_its_last_second(watch: Declare):
    spec = watch(**EXISTING)["Service"]["spec"]

    assert spec["clusterIP"] == "None"
    assert spec["publishNotReadyAddresses"] is True


def test_the_rules_use_the_objectives_of_the_settings(watch: Declare, settings_of: SettingsOf):
    objectives = {"sloAvailability": "99.5", "sloWindowDays": "7"}
    groups = watch(**EXISTING, **objectives)["PrometheusRule"]["spec"]["groups"]
    settings = settings_of(**EXISTING, **objectives)

    assert groups == rule_groups(settings, "tiny", "docs/runbooks")
    assert groups != watch(**EXISTING)["PrometheusRule"]["spec"]["groups"]


def test_every_alert_names_its_runbook_in_this_project(watch: Declare):
    groups = watch(**EXISTING)["PrometheusRule"]["spec"]["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]

    assert alerts
    for alert in alerts:
        assert (PROJECT / alert["annotations"]["runbook_url"]).is_file(), alert["alert"]


def test_an_alert_links_to_the_published_runbook(watch: Declare):
    for url in ("https://example.com/runbooks", "https://example.com/runbooks/"):
        groups = watch(**EXISTING, runbookUrl=url)["PrometheusRule"]["spec"]["groups"]

        links = {
            rule["annotations"]["runbook_url"]
            for group in groups
            for rule in group["rules"]
            if "alert" in rule
        }
        assert "https://example.com/runbooks/ModelUnavailable.md" in links


def test_grafana_finds_the_dashboards_and_kubectl_can_apply_them(watch: Declare):
    config = watch(**EXISTING)["ConfigMap"]

    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert [json.loads(text)["title"] for text in config["data"].values()] == ["tiny in slipway-prod"]
    assert all(name.endswith(".json") for name in config["data"])
    assert len(json.dumps(config)) < APPLIED


def test_the_objects_of_monitoring_have_the_recommended_labels(watch: Declare):
    for kind, manifest in watch(**EXISTING).items():
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "tiny", kind
        assert labels["app.kubernetes.io/instance"] == "prod", kind
        assert labels["app.kubernetes.io/managed-by"] == "slipway", kind
        assert labels["app.kubernetes.io/component"] == "monitoring", kind
