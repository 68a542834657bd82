"""Whether Prometheus scrapes a stack's pods, and what is said if it does not."""

import json
from typing import Any

import pytest

from infra.queries import Queries, exactly, metrics_service
from ops import scrape
from tests.conftest import StackOf
from tests.ops.conftest import Programs

EXISTING = {"monitoring": "existing", "prometheusUrl": "http://kps-prometheus.monitoring:9090"}
QUERY = 'sum(up{namespace="slipway-prod",service="model-metrics"})'


def answer(*counts: int) -> str:
    return json.dumps({"data": {"result": [{"value": [0, str(count)]} for count in counts]}})


def prometheuses(*selectors: dict[str, str]) -> str:
    items: list[dict[str, Any]] = [
        {
            "metadata": {"name": f"kps-{number}", "namespace": "monitoring"},
            "spec": {"serviceMonitorSelector": {"matchLabels": selector} if selector else {}},
        }
        for number, selector in enumerate(selectors)
    ]
    return json.dumps({"items": items})


@pytest.fixture
def asked(programs: Programs, stack_of: StackOf, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that gives kubectl its answers, checks a stack and returns what was said."""

    def ask(counts: str, found: str = prometheuses({"release": "kps"}), **config: str) -> str:
        programs.add("kubectl", (["--raw"], counts, 0), (["--all-namespaces"], found, 0))
        scrape.check(stack_of(**EXISTING | config))
        return capsys.readouterr().err

    return ask


def test_nothing_is_said_where_the_pods_are_scraped(asked: Any, programs: Programs):
    said = asked(answer(2))

    assert [line for line in said.splitlines() if not line.startswith(("→", "✓"))] == []
    path = programs.calls[-1]["arguments"][-1]
    assert path.startswith(
        "/api/v1/namespaces/monitoring/services/prometheus-operated:9090/proxy/api/v1/query?"
    )


def test_a_prometheus_that_selects_by_labels_is_named_with_the_setting(asked: Any):
    said = asked(answer())

    assert f"Prometheus does not scrape the pods, so nothing is measured and no alert fires: {QUERY}" in said
    assert "Prometheus monitoring/kps-0 selects by labels: set monitoringLabels to release=kps" in said


@pytest.mark.parametrize(
    ("found", "config"),
    [(prometheuses({"release": "kps"}), {"monitoringLabels": "team=a,release=kps"}), (prometheuses({}), {})],
)
def test_labels_that_are_set_or_not_asked_for_are_not_the_reason(
    asked: Any, found: str, config: dict[str, str]
):
    said = asked(answer(), found, **config)

    assert "does not scrape the pods" in said
    assert "monitoringLabels" not in said


def test_pods_that_prometheus_cannot_reach_are_told_apart(asked: Any):
    assert f"finds the pods but cannot reach any of them: {QUERY} is 0" in asked(answer(0))


def test_a_cluster_without_an_operator_is_said(asked: Any):
    assert "the cluster has no Prometheus of a Prometheus operator" in asked(answer(), prometheuses())


def test_a_prometheus_that_cannot_be_asked_fails_nothing(
    programs: Programs, stack_of: StackOf, capsys: pytest.CaptureFixture[str]
):
    programs.add("kubectl", (["get"], "the server could not find the requested resource", 1))

    scrape.check(stack_of(**EXISTING))

    said = capsys.readouterr().err
    assert "could not find the requested resource" in said
    assert f"ask it for {QUERY}" in said


@pytest.mark.parametrize("config", [{"cluster": "gke"}, {"clusterStack": "acme/clusters/prod"}])
def test_a_cluster_that_only_the_engine_reaches_is_not_asked(asked: Any, config: dict[str, str]):
    assert f"this machine does not reach it: ask it for {QUERY}" in asked(answer(), **config)


@pytest.mark.parametrize("config", [{"monitoring": "none"}, {"minReplicas": "0"}])
def test_a_stack_that_need_not_be_scraped_is_not_looked_at(
    asked: Any, programs: Programs, config: dict[str, str]
):
    assert asked(answer(), **config) == ""
    assert programs.lines == []


def test_it_waits_until_prometheus_has_the_new_configuration(
    stack_of: StackOf, programs: Programs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    programs.add("kubectl", (["--raw"], answer(), 0), (["--all-namespaces"], prometheuses({}), 0))
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        programs.add("kubectl", (["--raw"], answer(2), 0))

    monkeypatch.setattr(scrape.time, "sleep", wait)
    scrape.check(stack_of(**EXISTING), patience_seconds=60)

    assert waits == [2]
    assert "does not scrape" not in capsys.readouterr().err


def test_each_model_is_asked_for_by_the_labels_of_its_own_series(
    stack_of: StackOf, capsys: pytest.CaptureFixture[str]
):
    stack = stack_of(**EXISTING, models='[{"model": "cats"}, {"model": "dogs"}]')

    for model in [stack_of(**EXISTING), *stack.models]:
        labels = Queries(namespace=model.namespace, service=metrics_service(model.service)).labels
        scrape.check(model)

        assert f"ask it for sum(up{{{exactly(labels)}}})" in capsys.readouterr().err
