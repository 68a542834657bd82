from pathlib import Path

import pytest

from infra.rules import Group
from infra.settings import Settings
from tests.conftest import SettingsOf
from tests.infra.burn_rates import (
    HANDFUL,
    TABLE,
    Promise,
    Speed,
    burn_rate_tests,
    bursts_and_burns,
    steady,
)
from tests.infra.promtool import needs_promtool, promtool
from tests.monitoring import rule_groups

pytestmark = pytest.mark.slow

SLOS = ("availability", "latency")
OBJECTIVES = [
    {"sloAvailability": "99", "sloLatencyPercent": "95", "sloWindowDays": "7"},
    {"sloAvailability": "99.9", "sloLatencySeconds": "0.25", "sloWindowDays": "28"},
    {"sloAvailability": "99.95", "sloLatencySeconds": "1", "sloLatencyPercent": "99.5"},
    {"sloAvailability": "99.5", "sloLatencySeconds": "2.5", "sloLatencyPercent": "90", "sloWindowDays": "90"},
]


def rules(settings: Settings) -> list[Group]:
    return rule_groups(settings, "tiny", "https://runbooks.example")


@needs_promtool
@pytest.mark.parametrize("config", OBJECTIVES, ids=lambda config: " ".join(config.values()))
def test_every_alert_is_raised_above_its_factor_and_not_below(
    settings_of: SettingsOf, tmp_path: Path, config: dict[str, str]
):
    settings = settings_of(**config)
    cases = [
        test_case
        for promise in Promise.all(settings)
        for test_case in burn_rate_tests(promise, steady(promise))
    ]

    assert sum(
        len(check["exp_samples"]) for test_case in cases for check in test_case["promql_expr_test"]
    ) > len(cases)
    promtool(tmp_path, rules(settings), cases)


@needs_promtool
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_alerts_use_the_objectives_of_the_stack(settings_of: SettingsOf, tmp_path: Path, stack: str):
    settings = settings_of(stack)

    promtool(
        tmp_path,
        rules(settings),
        [
            test_case
            for promise in Promise.all(settings)
            for test_case in burn_rate_tests(promise, steady(promise))
        ],
    )


@needs_promtool
@pytest.mark.parametrize("config", [{}, OBJECTIVES[0]], ids=["30 days", "7 days"])
@pytest.mark.parametrize("slo", [0, 1], ids=SLOS)
@pytest.mark.parametrize(("speeds", "step"), [(TABLE[:2], 5), (TABLE[2:], 15)], ids=["pages", "tickets"])
def test_an_alert_needs_both_windows_above_the_threshold(
    settings_of: SettingsOf,
    tmp_path: Path,
    speeds: tuple[Speed, ...],
    step: int,
    slo: int,
    config: dict[str, str],
):
    settings = settings_of(**config)
    promise = Promise.all(settings)[slo]
    traffic = bursts_and_burns(promise, speeds[::-1])

    # For each alert there is a time at which both windows are above, and times at which one alone is.
    for speed in speeds:
        states = {promise.bounds(traffic, at, speed) for at in traffic.times(step)}
        assert {(True, True, True), (True, False, True), (False, True, True)} <= states, speed
    cases = burn_rate_tests(promise, {"bursts and burns": traffic}, step)
    of_it = [group for group in rules(settings) if group["name"].endswith(promise.slo)]
    promtool(tmp_path, of_it, cases, f"{step}m")


@needs_promtool
def test_a_few_requests_raise_no_alert_until_enough_of_them_failed(settings_of: SettingsOf, tmp_path: Path):
    settings = settings_of()
    cases = [
        test_case
        for promise in Promise.all(settings)
        for test_case in burn_rate_tests(promise, {"a handful": HANDFUL})
    ]

    for test_case in cases:
        assert {len(check["exp_samples"]) for check in test_case["promql_expr_test"]} == {0, 1, 3}
    promtool(tmp_path, rules(settings), cases, interval="30s")
