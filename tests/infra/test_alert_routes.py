"""A real Alertmanager sends each alert to whom the settings name, and a page keeps its ticket quiet."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.infra.alertmanager import DEFAULT, check, configuration, needs_alertmanager, receivers, running
from tests.infra.conftest import EXISTING, Declare
from tests.infra.receivers import EXAMPLES, alerts

pytestmark = [pytest.mark.slow, needs_alertmanager]

NAMESPACE = "slipway-prod"
OURS = {"namespace": NAMESPACE, "service": "model-metrics", "alertname": "ModelErrorBudgetBurn"}
BOTH = {"page": {"slack": EXAMPLES["slack"]}, "ticket": {"slack": EXAMPLES["slack"]}}


@pytest.fixture
def file(watch: Declare, tmp_path: Path) -> Path:
    spec = watch(**EXISTING, alerts=alerts(**BOTH))["AlertmanagerConfig"]["spec"]
    return check(configuration(spec, NAMESPACE), tmp_path)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({**OURS, "severity": "page"}, ["page"]),
        ({**OURS, "severity": "ticket"}, ["ticket"]),
        ({**OURS, "severity": "info"}, ["nobody"]),
        ({**OURS, "severity": "page", "namespace": "others"}, [DEFAULT]),
        ({**OURS, "severity": "page", "service": "others"}, [DEFAULT]),
    ],
)
def test_an_alert_goes_to_the_receivers_of_its_severity(
    file: Path, labels: Mapping[str, str], told: list[str]
):
    assert receivers(file, labels) == told


def test_a_stack_without_receivers_of_tickets_sends_none(watch: Declare, tmp_path: Path):
    spec = watch(**EXISTING, alerts=alerts(page=BOTH["page"]))["AlertmanagerConfig"]["spec"]
    file = check(configuration(spec, NAMESPACE), tmp_path)

    assert receivers(file, {**OURS, "severity": "ticket"}) == ["nobody"]


def test_a_page_keeps_the_ticket_of_the_same_alert_quiet_and_no_other(file: Path, tmp_path: Path):
    labels = [
        {**OURS, "severity": "page"},
        {**OURS, "severity": "ticket"},
        {**OURS, "severity": "ticket", "alertname": "ModelLatencyBudgetBurn"},
        {**OURS, "severity": "ticket", "service": "another-metrics"},
    ]
    end = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    with running(file, tmp_path) as url:
        given = [{"labels": item, "endsAt": end} for item in labels]
        httpx.post(f"{url}/api/v2/alerts", json=given).raise_for_status()
        limit = time.monotonic() + 30
        # It answers before it has read all of them.
        while not (quiet := httpx.get(f"{url}/api/v2/alerts", params={"active": "false"}).json()):
            assert time.monotonic() < limit

    assert [alert["labels"] for alert in quiet] == [labels[1]]
