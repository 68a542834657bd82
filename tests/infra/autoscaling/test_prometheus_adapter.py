import re

import pytest

from infra.autoscaling import adapter_rules
from infra.autoscaling.metric import Metric
from tests.conftest import SettingsOf
from tests.infra.autoscaling.conftest import METRICS, Autoscaler, by
from tests.infra.promql import names


@pytest.mark.parametrize("signal", METRICS)
def test_prometheus_adapter_serves_the_metric_under_the_name_that_the_autoscaler_asks_for(
    autoscaler: Autoscaler, settings_of: SettingsOf, signal: str
):
    config = by("prometheus-adapter", signal)

    (rule,) = adapter_rules([settings_of(**config)])

    external = autoscaler(**config)["spec"]["metrics"][0]["external"]
    assert external["metric"] == {"name": rule["name"]["as"]}
    # What the adapter would fill in, and the namespace that it would add.
    assert "<<" not in rule["metricsQuery"]
    assert rule["resources"] == {"namespaced": False}
    assert names(rule["seriesQuery"]) == {"model_info": {"namespace", "service"}}


def test_the_metrics_of_two_services_have_different_names():
    found = {
        Metric.of_signal(signal, 4, namespace, service).name
        for namespace in ("a", "a-b", "ab", "a--b", "n" * 63)
        for service in ("model", "b", "b-c", "c")
        for signal in METRICS
    }

    assert len(found) == 60
    # A segment of a URL.
    assert all(re.fullmatch("[a-z_][a-z0-9_.]*", name) for name in found)


def test_prometheus_adapter_gets_no_rule_if_it_is_not_the_backend(settings_of: SettingsOf):
    assert adapter_rules([settings_of(), settings_of(**by("keda"))]) == []
