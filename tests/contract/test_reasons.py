"""The reasons for a refused request that the runbooks name are those that the server counts."""

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.serving.metrics import Metrics, ModelMetrics
from ops.stack import PROJECT

ROW = re.compile(r"^\| \d{3}, `(\w+)` \|", re.MULTILINE)
"""A row of a runbook's table whose first cell is a status code and a reason."""

PAGES = sorted(PROJECT.glob("docs/runbooks/*.md"))


def counted_reasons() -> set[str]:
    metrics = Metrics()
    signature = cast(Any, SimpleNamespace(name="tiny", version="0123456789ab"))
    ModelMetrics(metrics, signature, lambda: True)
    return {
        sample.labels["reason"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "request_rejected_total"
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_names_only_reasons_that_the_server_counts(page: Any):
    assert set(ROW.findall(page.read_text())) <= counted_reasons()


def test_the_runbooks_name_the_reasons_of_all_faults_of_the_service():
    named = {reason for page in PAGES for reason in ROW.findall(page.read_text())}

    assert named == {"overloaded", "not_ready", "expired"}
