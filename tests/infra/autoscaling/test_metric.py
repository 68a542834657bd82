import itertools
import re
from collections.abc import Callable

import pytest

from infra.autoscaling.metric import Metric
from infra.model_monitoring import SCRAPE_INTERVAL
from tests.conftest import SettingsOf
from tests.infra.autoscaling.conftest import BACKENDS, METRICS, Autoscaler, Wanted, by
from tests.infra.autoscaling.horizontal_pod_autoscaler import thousandths
from tests.infra.schema import validate


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("signal", ["queue-depth", "in-flight"])
def test_a_total_is_divided_among_as_many_pods_as_the_target_allows(
    wanted_by: Callable[..., Wanted], backend: str, signal: str
):
    whole, half = (wanted_by(**by(backend, signal, target)) for target in ("4", "2.5"))

    # Of pods that are there, ready or not.
    assert [whole(total, replicas=9, ready=1) for total in (0, 13, 16, 17, 1000)] == [2, 4, 4, 5, 10]
    assert [half(total, replicas=9, ready=1) for total in (10, 11)] == [4, 5]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_signal_latency_scales_the_number_of_ready_pods(wanted_by: Callable[..., Wanted], backend: str):
    wanted = wanted_by(**by(backend, "latency", "0.5"))

    assert [wanted(seconds, replicas=6, ready=4) for seconds in (0, 0.25, 0.375, 1, 10)] == [2, 2, 3, 8, 10]
    assert [wanted(0.75, replicas=6, ready=ready) for ready in (1, 3, 6)] == [2, 5, 9]


@pytest.mark.parametrize("backend", BACKENDS)
def test_within_a_tenth_of_the_target_nothing_changes(wanted_by: Callable[..., Wanted], backend: str):
    total, latency = wanted_by(**by(backend, target="10")), wanted_by(**by(backend, "latency", "0.5"))

    assert [total(measured, replicas=5) for measured in (44, 45, 55, 56)] == [5, 5, 5, 6]
    assert [total(measured, replicas=5) for measured in (39, 40)] == [4, 4]
    assert [latency(measured, replicas=5) for measured in (0.4375, 0.4625, 0.5375, 0.5625)] == [5, 5, 5, 6]
    assert latency(0.375, replicas=5) == 4


@pytest.mark.parametrize(
    ("signal", "target"), [("queue-depth", "4"), ("in-flight", "0.5"), ("latency", "0.25")]
)
def test_both_backends_compute_the_same_number_of_pods(
    wanted_by: Callable[..., Wanted], signal: str, target: str
):
    adapter, keda = (wanted_by(**by(backend, signal, target)) for backend in BACKENDS)
    measures = [None, *(eighths / 8 for eighths in (0, 1, 2, 3, 5, 8, 13, 21, 34, 89, 233, 610))]

    found = set()
    for measured, replicas, unready, cpu in itertools.product(
        measures, range(1, 11), range(2), (None, 0, 60, 150)
    ):
        seen = {"replicas": replicas, "ready": replicas - unready, "cpu": cpu}
        assert adapter(measured, **seen) == keda(measured, **seen), (measured, seen)
        found.add(keda(measured, **seen))

    assert found == set(range(2, 11))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("signal", METRICS)
def test_every_signal_is_combined_with_cpu(wanted_by: Callable[..., Wanted], backend: str, signal: str):
    wanted = wanted_by(**by(backend, signal))

    assert wanted(0, replicas=3, cpu=120) == 6
    assert wanted(0, replicas=3, cpu=10) == 2


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("signal", METRICS)
def test_a_missing_metric_removes_no_pod_and_cpu_can_still_add_pods(
    wanted_by: Callable[..., Wanted], autoscaler: Autoscaler, backend: str, signal: str
):
    wanted = wanted_by(**by(backend, signal))

    assert wanted(None, replicas=7, cpu=1) == 7
    assert wanted(None, replicas=3, cpu=120) == 6
    assert "fallback" not in autoscaler(**by(backend, signal))["spec"]


@pytest.mark.parametrize("signal", ["in-flight", "latency"])
@pytest.mark.parametrize(
    ("target", "written"), [("0.001", "1m"), ("0.25", "250m"), ("2.5", "2500m"), ("4", "4"), ("1000", "1000")]
)
def test_a_target_is_written_as_a_quantity(autoscaler: Autoscaler, signal: str, target: str, written: str):
    found = autoscaler(**by("prometheus-adapter", signal, target))

    validate(found)
    declared = found["spec"]["metrics"][0]["external"]["target"]
    assert declared["value" if signal == "latency" else "averageValue"] == written
    assert thousandths(written) == round(float(target) * 1000)


def test_latency_is_the_95th_percentile_of_the_last_four_scrapes(settings_of: SettingsOf):
    def seconds(duration: str) -> int:
        return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]

    metric = Metric.of(settings_of(**by("keda", "latency")))

    assert metric is not None
    assert metric.query.startswith("histogram_quantile(0.95, ")
    windows = re.findall(r"\[(\w+)\]", metric.query)
    assert [seconds(window) for window in windows] == [4 * seconds(SCRAPE_INTERVAL)] * 2
