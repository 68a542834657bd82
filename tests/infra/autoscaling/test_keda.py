from typing import Any

import pytest

from tests.infra.autoscaling.conftest import FROM_ZERO, Autoscaler, by, see
from tests.infra.autoscaling.horizontal_pod_autoscaler import by_keda
from tests.infra.definitions import definition


def prometheus_of(scaled_object: dict[str, Any]) -> set[str]:
    triggers = scaled_object["spec"]["triggers"]
    return {trigger["metadata"]["serverAddress"] for trigger in triggers if trigger["type"] == "prometheus"}


def test_keda_uses_the_existing_or_the_installed_prometheus(autoscaler: Autoscaler):
    # KEDA appends /api/v1/query.
    for url in ("http://prometheus.monitoring:9090", "https://example.com/prometheus"):
        assert prometheus_of(autoscaler(**{**by("keda", **FROM_ZERO), "prometheusUrl": url})) == {url}

    installed = by("keda", monitoring="install", monitoringNamespace="watch", prometheusUrl="")
    found = autoscaler(**installed, secret={"grafanaAdminPassword": "hunter2"})
    assert prometheus_of(found) == {"http://kube-prometheus-stack-prometheus.watch:9090"}


def test_a_service_scales_to_zero_only_if_min_replicas_is_zero(autoscaler: Autoscaler):
    awake = autoscaler(**by("keda"))["spec"]
    assert [trigger["name"] for trigger in awake["triggers"]] == ["signal", "cpu"]
    assert awake["minReplicaCount"] == 2

    spec = autoscaler(**by("keda", **FROM_ZERO), scaleDownStabilizationSeconds="90")["spec"]

    assert spec["minReplicaCount"] == 0
    assert (spec["cooldownPeriod"], spec["initialCooldownPeriod"]) == (90, 90)
    assert spec["pollingInterval"] == 5
    (wake,) = [trigger["metadata"] for trigger in spec["triggers"] if trigger["name"] == "wake"]
    assert (wake["query"], wake["activationThreshold"]) == ("sum(ingress_requests)", "0")


def test_the_query_that_wakes_a_service_wants_a_single_pod(autoscaler: Autoscaler):
    spec = autoscaler(**by("keda", "cpu", "", **FROM_ZERO))["spec"]

    for asked_for in (None, 0, 1, 1_000_000):
        answers = {FROM_ZERO["autoscalingWakeQuery"]: asked_for}

        assert by_keda(spec, answers, see(replicas=1)) == 1
        assert by_keda(spec, answers, see(replicas=4, cpu=60)) == 4
        assert by_keda(spec, answers, see(replicas=4, cpu=15)) == 1


def test_keda_may_take_over_and_hand_back(autoscaler: Autoscaler):
    cpu, keda = autoscaler()["metadata"], autoscaler(**by("keda"))["metadata"]

    assert cpu["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}
    # The autoscaler of KEDA's own must not look like one that the program has declared.
    excluded = {"scaledobject.keda.sh/hpa-excluded-labels": "app.kubernetes.io/managed-by"}
    assert keda["annotations"] == excluded
    assert cpu["labels"] == keda["labels"]


@pytest.mark.parametrize(
    "config",
    [by("keda", "cpu", "", **FROM_ZERO), by("keda", "latency", **FROM_ZERO), by("keda", "in-flight")],
)
def test_a_scaled_object_fits_kedas_definition(autoscaler: Autoscaler, config: dict[str, str]):
    found = autoscaler(**config)

    assert (found["apiVersion"], found["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    definition("ScaledObject").validate(found)
