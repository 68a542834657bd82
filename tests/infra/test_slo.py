from datetime import timedelta
from pathlib import Path

import pytest

from infra.rules import Group
from infra.settings import Settings
from infra.slo import BUDGET_REMAINING, BURN_RATES
from tests.conftest import SettingsOf
from tests.infra.burn_rates import Promise, Traffic, of_pod, ready
from tests.infra.promtool import Case, case, needs_promtool, promtool, says, series
from tests.monitoring import rule_groups

URL = "https://runbooks.example"
SLOS = ("availability", "latency")
RAISED = 'group by (alertname) (ALERTS{alertstate="firing"})'


def rules(settings: Settings) -> list[Group]:
    return rule_groups(settings, "tiny", URL)


def raises(eval_time: str, *alerts: str) -> Case:
    """Return the check that exactly these alerts fire at a time."""
    return says(eval_time, RAISED, {series(alertname=alert): 1 for alert in alerts})


def of_slo(settings: Settings, slo: str) -> dict[str, str]:
    """Return the labels of the recorded series of an objective."""
    return {"namespace": settings.namespace, "service": "model-metrics", "slo": slo}


def test_the_factors_for_thirty_days_are_those_of_the_sre_workbook():
    thirty = timedelta(days=30)

    assert [(rate.severity, rate.factor(thirty), rate.long, rate.short) for rate in BURN_RATES] == [
        ("page", 14.4, timedelta(hours=1), timedelta(minutes=5)),
        ("page", 6, timedelta(hours=6), timedelta(minutes=30)),
        ("ticket", 3, timedelta(days=1), timedelta(hours=2)),
        ("ticket", 1, timedelta(days=3), timedelta(hours=6)),
    ]


def test_no_alert_is_raised_at_a_rate_that_the_budget_allows():
    assert [rate.factor(timedelta(days=7)) for rate in BURN_RATES] == [pytest.approx(3.36), 1.4, 1, 1]


def test_an_alert_that_no_error_rate_can_raise_is_left_out(settings_of: SettingsOf):
    # Half of the requests may fail, so the rate of failures cannot be six times as high.
    declared = rules(settings_of(sloAvailability="50"))[0]["rules"]

    assert [rule["labels"]["long_window"] for rule in declared if "alert" in rule] == ["3d"]


def test_the_latency_threshold_is_a_bucket_of_the_server(settings_of: SettingsOf):
    declared = rules(settings_of(sloLatencySeconds="1"))[1]["rules"]

    assert 'le="1.0"' in declared[1]["expr"]


@needs_promtool
@pytest.mark.parametrize("code", [500, 503, 504])
def test_faults_raise_an_alert_in_a_flood_of_bad_requests(settings_of: SettingsOf, tmp_path: Path, code: int):
    settings = settings_of()
    faults = {
        of_pod(settings.namespace, "request_count_total", code=200): "0+90x30",
        of_pod(settings.namespace, "request_count_total", code=code): "0+10x30",
        of_pod(settings.namespace, "request_count_total", code=400): "0+9000x30",
        of_pod(settings.namespace, "request_count_total", code=499): "0+9000x30",
    }

    check = raises("30m", "ModelErrorBudgetBurn")
    promtool(
        tmp_path,
        rules(settings),
        [case("faults", {**faults, **ready(settings, 30)}, promql_expr_test=[check])],
    )


@needs_promtool
def test_errors_of_clients_raise_no_alert(settings_of: SettingsOf, tmp_path: Path):
    settings = settings_of()
    codes = {
        of_pod(settings.namespace, "request_count_total", code=code): "0+100x30"
        for code in (200, 400, 404, 408, 413, 415, 499)
    }

    promtool(
        tmp_path,
        rules(settings),
        [case("4xx", {**codes, **ready(settings, 30)}, promql_expr_test=[raises("30m")])],
    )


@needs_promtool
@pytest.mark.parametrize(("code", "alerts"), [(499, ["ModelLatencyBudgetBurn"]), (500, []), (400, [])])
def test_a_client_that_left_after_a_long_wait_counts_as_slow_and_a_fault_does_not(
    settings_of: SettingsOf, tmp_path: Path, code: int, alerts: list[str]
):
    settings = settings_of()
    waits = {
        of_pod(settings.namespace, f"request_latency_seconds_{kind}", code=status, **le): values
        for status, within in ((200, "0+100x30"), (code, "0x30"))
        for kind, le, values in (
            ("count", {}, "0+100x30"),
            ("bucket", {"le": "0.5"}, within),
            ("bucket", {"le": "+Inf"}, "0+100x30"),
        )
    }

    promtool(
        tmp_path,
        rules(settings),
        [case("waits", {**waits, **ready(settings, 30)}, promql_expr_test=[raises("30m", *alerts)])],
    )


@needs_promtool
def test_a_query_sums_all_pods_of_a_service_and_no_others(settings_of: SettingsOf, tmp_path: Path):
    settings = settings_of()
    pods = {
        of_pod(settings.namespace, "request_count_total", pod=pod, code=code): f"0+{count}x30"
        for pod, code, count in (("a", 200, 99_990), ("b", 503, 10))
    }
    others = {
        of_pod("elsewhere", "request_count_total", code=503): "0+1000x30",
        of_pod(settings.namespace, "request_count_total", service="other", code=503): "0+1000x30",
    }

    checks = [
        raises("30m"),
        says(
            "30m",
            f'round({BUDGET_REMAINING}{{slo="availability"}}, 0.001)',
            {series(**of_slo(settings, "availability")): 0.9},
        ),
    ]
    promtool(
        tmp_path,
        rules(settings),
        [case("others", {**pods, **others, **ready(settings, 30)}, promql_expr_test=checks)],
    )


@needs_promtool
@pytest.mark.parametrize(("spent", "left"), [(0, 1), (0.5, 0.5), (1, 0), (3, -2)])
def test_the_budget_that_is_left_is_recorded(
    settings_of: SettingsOf, tmp_path: Path, spent: float, left: float
):
    settings = settings_of()
    budgets = Promise.all(settings)
    requests = {
        name: values
        for promise in budgets
        for name, values in promise.series(Traffic(phases=[(30, spent * promise.budget)])).items()
    }

    samples = {series(**of_slo(settings, promise.slo)): left for promise in budgets}
    check = says("30m", f"round({BUDGET_REMAINING}, 0.001)", samples)
    promtool(
        tmp_path,
        rules(settings),
        [case("budget", {**requests, **ready(settings, 30)}, promql_expr_test=[check])],
    )


@needs_promtool
def test_a_service_without_requests_spends_no_budget(settings_of: SettingsOf, tmp_path: Path):
    settings = settings_of()
    idle = {
        name: values
        for promise in Promise.all(settings)
        for name, values in promise.series(Traffic(phases=[(30, 0)], per_minute=0)).items()
    }

    checks = [
        raises("30m"),
        says("30m", BUDGET_REMAINING, {series(BUDGET_REMAINING, **of_slo(settings, slo)): 1 for slo in SLOS}),
    ]
    promtool(
        tmp_path, rules(settings), [case("idle", {**idle, **ready(settings, 30)}, promql_expr_test=checks)]
    )


@needs_promtool
def test_an_alert_of_a_burn_rate_has_a_description_and_its_runbook(settings_of: SettingsOf, tmp_path: Path):
    settings = settings_of()
    promise, _ = Promise.all(settings)
    labels = {"severity": "ticket", "long_window": "3d", "short_window": "6h"}
    alert = {
        "exp_labels": {**labels, **of_slo(settings, "availability")},
        "exp_annotations": {
            "summary": "tiny in slipway-prod spends its availability budget 1x as fast as it lasts",
            "description": "0.2% of the requests of the last 3d failed, and it goes on. "
            "Over 30 days 0.1% may.",
            "runbook_url": f"{URL}/ModelErrorBudgetBurn.md",
        },
    }

    requests = {**promise.series(Traffic(phases=[(30, 0.002)])), **ready(settings, 30)}
    check = {"eval_time": "30m", "alertname": "ModelErrorBudgetBurn", "exp_alerts": [alert]}
    promtool(tmp_path, rules(settings), [case("words", requests, alert_rule_test=[check])])
