"""The alerts of a service with little traffic: down, it pages within minutes; a single fault pages nobody."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import SettingsOf
from tests.infra.burn_rates import of_pod
from tests.infra.promtool import Case, case, needs_promtool, promtool, says
from tests.monitoring import rule_groups

pytestmark = [pytest.mark.slow, needs_promtool]

SCRAPES_PER_MINUTE = 4
PAGES = 'count(ALERTS{alertname="ModelErrorBudgetBurn",severity="page",alertstate="firing"}) or vector(0)'
HEALTHY_MINUTES = 60


def counter(per_minute: Sequence[int]) -> str:
    """Return the samples of a counter, scraped every 15 seconds, that grows at the end of each minute."""
    samples, total = [0], 0
    for requests in per_minute:
        samples += [total] * (SCRAPES_PER_MINUTE - 1)
        total += requests
        samples.append(total)
    return " ".join(map(str, samples))


def service(
    name: str, namespace: str, *, good: Sequence[int], bad: Sequence[int], pages: dict[str, int]
) -> Case:
    """Return a test: after a healthy hour with a request a minute, so many requests of each minute."""
    hour = [1] * HEALTHY_MINUTES
    series = {
        of_pod(namespace, "request_count_total", code=200): counter([*hour, *good]),
        of_pod(namespace, "request_count_total", code=503): counter([*(0 for _ in hour), *bad]),
        of_pod(namespace, "model_ready"): " ".join(["1"] * SCRAPES_PER_MINUTE * (len(hour) + len(good))),
    }
    checks = [says(at, PAGES, {"{}": count}) for at, count in pages.items()]
    return {**case(name, series, promql_expr_test=checks), "interval": "15s"}


@pytest.mark.parametrize(
    ("good", "bad", "pages"),
    [
        pytest.param([0] * 10, [1] * 10, {"62m": 0, "64m30s": 1, "70m": 1}, id="one a minute fails"),
        pytest.param([0] * 10, [1, 1, *[0] * 8], {"63m30s": 0, "65m": 0, "66m": 0}, id="two fail"),
        pytest.param([10] * 10, [1, 1, 1, 1, *[0] * 6], {"64m30s": 0, "70m": 0}, id="four of many fail"),
        pytest.param([0] * 10, [0] * 10, {"65m": 0, "70m": 0}, id="nothing is asked"),
    ],
)
def test_a_service_with_little_traffic_pages_if_it_is_down_and_not_for_a_single_fault(
    settings_of: SettingsOf, tmp_path: Path, good: list[int], bad: list[int], pages: dict[str, int]
):
    settings = settings_of()
    test_case = service("little traffic", settings.namespace, good=good, bad=bad, pages=pages)

    rules = rule_groups(settings, "tiny", "https://runbooks.example")
    promtool(tmp_path, rules, [test_case], interval="30s")


def test_the_whole_period_is_added_up_less_often_than_the_alerts_need(settings_of: SettingsOf):
    groups = rule_groups(settings_of(), "tiny", "https://runbooks.example")

    intervals = {
        group["interval"]: "[30d]" in str(group["rules"]) for group in groups if "pods" not in group["name"]
    }
    assert intervals == {"30s": False, "150s": True}
