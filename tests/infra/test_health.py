"""The alerts for what no request shows, as promtool evaluates them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SettingsOf
from tests.infra.burn_rates import of_pod
from tests.infra.promtool import Series, case, needs_promtool, promtool, says, series
from tests.monitoring import rule_groups

pytestmark = [pytest.mark.slow, needs_promtool]

MODEL, CERTIFICATE = "tiny", "tiny-tls"
HOUR, DAY = 3600, 24 * 3600
AFTER = "16m"
"""The longest time that an alert of a running service waits, and a minute."""

ASLEEP = {
    "minReplicas": "0",
    "monitoring": "existing",
    "prometheusUrl": "http://prometheus.monitoring:9090",
    "autoscalingBackend": "keda",
    "autoscalingSignal": "queue-depth",
    "autoscalingTarget": "4",
    "autoscalingWakeQuery": "vector(1)",
}

NAMESPACE, URL = "slipway-prod", "https://runbooks.example"
READY = {of_pod(NAMESPACE, "model_ready"): "1x20"}

Raises = Callable[..., None]


@pytest.fixture
def raises(settings_of: SettingsOf, tmp_path: Path) -> Raises:
    """Return a function that checks which alerts fire at a time, of a stack with these settings."""

    def check(at: str, given: Series, *alerts: str, **config: str) -> None:
        rules = rule_groups(settings_of(**config), MODEL, URL)
        firing: dict[str, float] = {series(alertname=alert): 1 for alert in alerts}
        expected = says(at, 'group by (alertname) (ALERTS{alertstate="firing"})', firing)
        promtool(tmp_path, rules, [case(at, given, promql_expr_test=[expected])], "30s")

    return check


def of_deployment(metric: str) -> str:
    return series(f"kube_deployment_{metric}", namespace=NAMESPACE, deployment=MODEL)


@pytest.mark.parametrize(
    ("pods", "minutes", "alerts"),
    [
        ({}, 4, []),
        ({}, 6, ["ModelUnavailable"]),
        ({"a": "0x20"}, 6, ["ModelUnavailable"]),
        ({"a": "0x20", "b": "1x20"}, 20, []),
        ({"a": "1x10 0x10"}, 14, []),
        ({"a": "1x10 0x10"}, 17, ["ModelUnavailable"]),
    ],
)
def test_a_service_without_a_ready_pod_raises_an_alert_after_five_minutes(
    raises: Raises, pods: dict[str, str], minutes: int, alerts: list[str]
):
    raises(
        f"{minutes}m", {of_pod(NAMESPACE, "model_ready", pod=pod): at for pod, at in pods.items()}, *alerts
    )


@pytest.mark.parametrize(("wanted", "alerts"), [(0, []), (1, ["ModelUnavailable"])])
def test_a_service_scaled_to_zero_raises_no_alert(raises: Raises, wanted: int, alerts: list[str]):
    replicas = {of_deployment("spec_replicas"): f"{wanted}x10"}

    raises("10m", replicas, *alerts, **ASLEEP)


@pytest.mark.parametrize(
    ("ready_pods", "up", "alerts"),
    [
        pytest.param(2, {"a": 1, "b": 1}, [], id="both are scraped"),
        pytest.param(2, {"a": 1, "b": 0}, ["ModelNotScraped"], id="one is not reached"),
        pytest.param(2, {"a": 1}, ["ModelNotScraped"], id="one is not a target"),
        pytest.param(2, {}, ["ModelNotScraped"], id="none is a target"),
        pytest.param(1, {"a": 1, "b": 1}, [], id="one drains"),
        pytest.param(None, {"a": 1, "b": 0}, ["ModelNotScraped"], id="no kube-state-metrics"),
        pytest.param(None, {"a": 1, "b": 1}, [], id="no kube-state-metrics, both are scraped"),
    ],
)
def test_pods_that_prometheus_does_not_reach_raise_an_alert(
    raises: Raises, ready_pods: int | None, up: dict[str, int], alerts: list[str]
):
    of_kubernetes = {} if ready_pods is None else {of_deployment("status_replicas_ready"): f"{ready_pods}x20"}
    scraped = {of_pod(NAMESPACE, "up", pod=pod): f"{value}x20" for pod, value in up.items()}

    raises("9m", of_kubernetes | scraped | READY)
    raises(AFTER, of_kubernetes | scraped | READY, *alerts)


def condition(autoscaler: str, *, is_active: bool) -> Series:
    """Return the series of an autoscaler that can or cannot tell how many pods are needed."""
    name = {"namespace": NAMESPACE, "horizontalpodautoscaler": autoscaler}
    return {
        series("kube_horizontalpodautoscaler_spec_max_replicas", **name): "10x20",
        **{
            series(
                "kube_horizontalpodautoscaler_status_condition",
                **name,
                condition="ScalingActive",
                status=str(status).lower(),
            ): f"{int(status is is_active)}x20"
            for status in (True, False)
        },
    }


@pytest.mark.parametrize("name", [MODEL, f"keda-hpa-{MODEL}"])
def test_an_autoscaler_that_cannot_read_its_metric_raises_an_alert(raises: Raises, name: str):
    wanted = {of_deployment("spec_replicas"): "2x20"}

    raises(AFTER, wanted | condition(name, is_active=True) | READY)
    raises("14m", wanted | condition(name, is_active=False) | READY)
    raises(AFTER, wanted | condition(name, is_active=False) | READY, "ModelNotScaled")


def metrics(autoscaler: str, part: str, *names: str) -> Series:
    """Return the series of the metrics that an autoscaler follows (`spec`) or has read (`status`)."""
    of_it = {"namespace": NAMESPACE, "horizontalpodautoscaler": autoscaler, "metric_target_type": "average"}
    metric = f"kube_horizontalpodautoscaler_{part}_target_metric"
    return {series(metric, **of_it, metric_name=name): "4x20" for name in names}


@pytest.mark.parametrize(
    ("read", "alerts"),
    [(("s0-prometheus", "cpu"), []), (("cpu",), ["ModelNotScaled"]), ((), ["ModelNotScaled"])],
)
def test_one_that_goes_on_with_another_metric_raises_an_alert_too(
    raises: Raises, read: tuple[str, ...], alerts: list[str]
):
    name = f"keda-hpa-{MODEL}"
    followed = metrics(name, "spec", "s0-prometheus", "cpu") | metrics(name, "status", *read)

    wanted = {of_deployment("spec_replicas"): "1x20"}
    raises(AFTER, wanted | followed | condition(name, is_active=True) | READY, *alerts)


def test_so_does_one_that_was_never_made(raises: Raises):
    others = condition(f"{MODEL}-of-others", is_active=True)

    raises(AFTER, {of_deployment("spec_replicas"): "2x20"} | others | READY, "ModelNotScaled")


def test_the_autoscaler_of_a_service_that_sleeps_may_be_inactive(raises: Raises):
    asleep = {of_deployment("spec_replicas"): "0x20"} | condition(f"keda-hpa-{MODEL}", is_active=False)

    raises(AFTER, asleep, **ASLEEP)


@pytest.mark.parametrize("label", ["namespace", "exported_namespace"])
@pytest.mark.parametrize(
    ("ends_in", "renewal_in", "severities"),
    [
        pytest.param(60 * DAY, 30 * DAY, [], id="new"),
        pytest.param(20 * DAY, -10 * DAY, [], id="late, but there is time"),
        pytest.param(12 * DAY, -18 * DAY, ["ticket"], id="ends soon"),
        pytest.param(2 * DAY, -28 * DAY, ["page", "ticket"], id="ends at once"),
        pytest.param(-DAY, -31 * DAY, ["page", "ticket"], id="has ended"),
        pytest.param(12 * HOUR, 4 * HOUR, [], id="of a day, its renewal is not due"),
    ],
)
def test_a_certificate_that_is_not_renewed_raises_a_ticket_and_then_a_page(
    settings_of: SettingsOf, tmp_path: Path, label: str, ends_in: int, renewal_in: int, severities: list[str]
):
    of_it = {"namespace": "cert-manager", label: NAMESPACE, "name": CERTIFICATE}
    times = {
        series(f"certmanager_certificate_{name}_timestamp_seconds", **of_it): f"{seconds + 70 * 60}x70"
        for name, seconds in (("expiration", ends_in), ("renewal", renewal_in))
    }
    query = 'count by (severity) (ALERTS{alertname="ModelCertificateExpires",alertstate="firing"})'
    expected = says("70m", query, {series(severity=severity): 1 for severity in severities})

    rules = rule_groups(settings_of(), MODEL, URL, CERTIFICATE)
    promtool(tmp_path, rules, [case("certificate", times, promql_expr_test=[expected])], "30s")


def test_without_a_certificate_there_is_no_alert_about_it(settings_of: SettingsOf):
    assert "certmanager" not in str(rule_groups(settings_of(), MODEL, URL))
