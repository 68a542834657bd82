"""Two models in one namespace are measured, alerted on and scaled apart."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest

from infra.autoscaling import adapter_rules
from infra.queries import Queries, metrics_service
from ops.program import Run
from tests.conftest import StackOf
from tests.infra.burn_rates import of_pod
from tests.infra.conftest import EXISTING, GPU, QUEUE_DEPTH, Several
from tests.infra.promql import parse, selectors
from tests.infra.promtool import case, needs_promtool, promtool, says, series
from tests.monitoring import rule_groups
from tests.parsing import parse_all

NAMESPACE = "slipway-prod"
CONFIG = {**EXISTING, **GPU, **QUEUE_DEPTH, "autoscalingBackend": "keda"}
MODELS = ("cats", "cats-b", "dogs")
"""Two of them begin alike: a pattern of pods' names must not match those of both."""


def expressions(value: Any) -> Iterator[str]:
    """Yield every PromQL expression within an object, also in the JSON of a dashboard."""
    match value:
        case dict():
            for key, item in value.items():
                if key in ("expr", "query") and isinstance(item, str) and item != "prometheus":
                    yield item
                elif key.endswith(".json"):
                    yield from expressions(json.loads(item))
                else:
                    yield from expressions(item)
        case list():
            for item in value:
                yield from expressions(item)
        case _:
            pass


def labels_of(model: str) -> dict[str, str]:
    """Return the labels that Prometheus gives the series of a model, its pods and its objects."""
    pod = f"{model}-6d4cf56db6-x2x9z"
    return {
        "namespace": NAMESPACE,
        "service": metrics_service(model),
        "pod": pod,
        "exported_namespace": NAMESPACE,
        "exported_pod": pod,
        "deployment": model,
        "replicaset": f"{model}-6d4cf56db6",
        "horizontalpodautoscaler": f"keda-hpa-{model}",
    }


def selects(selector: promql.VectorSelector, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector takes a series of these labels. Matchers of other labels are left out."""

    def fits(matcher: promql.Matcher) -> bool:
        pattern = re.escape(matcher.value) if matcher.op == promql.MatchOp.Equal else matcher.value
        assert matcher.op in (promql.MatchOp.Equal, promql.MatchOp.Re)
        return re.fullmatch(pattern, labels[matcher.name]) is not None

    return all(fits(matcher) for matcher in selector.matchers.matchers if matcher.name in labels)


def test_no_expression_of_a_model_selects_series_of_another(program: Callable[..., Run], several: Several):
    asked: dict[str, set[str]] = {}
    for item in program(**CONFIG, **several(*MODELS)).objects():
        name = item["metadata"]["labels"].get("app.kubernetes.io/name")
        asked.setdefault(name, set()).update(expressions(item))

    assert {len(asked[model]) for model in MODELS} == {len(asked["dogs"])}
    assert len(asked["dogs"]) > 50
    for model in MODELS:
        for expression in asked[model]:
            for selector in selectors(parse(expression)):
                found = [other for other in MODELS if selects(selector, labels_of(other))]
                assert found == [model], expression


def test_the_adapter_rule_of_a_model_selects_no_series_of_another(stack_of: StackOf, several: Several):
    config = {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "prometheus-adapter"}
    rules = adapter_rules(parse_all(stack_of(**config, **several(*MODELS))))

    for model, rule in zip(MODELS, rules, strict=True):
        for query in (rule["seriesQuery"], rule["metricsQuery"]):
            for selector in selectors(parse(query)):
                assert [other for other in MODELS if selects(selector, labels_of(other))] == [model]


@needs_promtool
def test_a_query_adds_up_the_pods_of_one_model_only(tmp_path: Path):
    given = {
        of_pod(NAMESPACE, "request_queue_depth", service=metrics_service(model), pod=pod): f"{count}x10"
        for model, count in (("cats", 3), ("dogs", 50))
        for pod in ("a", "b")
    }

    answers = [
        says("10m", Queries(namespace=NAMESPACE, service=metrics_service(model)).queue_depth(), {"{}": depth})
        for model, depth in (("cats", 6), ("dogs", 100))
    ]

    promtool(tmp_path, [], [case("two models", given, promql_expr_test=answers)])


@needs_promtool
@pytest.mark.parametrize(("failing", "other"), [("cats", "dogs"), ("dogs", "cats")])
def test_the_faults_of_one_model_raise_an_alert_of_that_model_alone(
    stack_of: StackOf, several: Several, tmp_path: Path, failing: str, other: str
):
    def of(model: str, metric: str, **labels: Any) -> str:
        return of_pod(NAMESPACE, metric, service=metrics_service(model), model=model, **labels)

    given = {
        of(failing, "request_count_total", code=500): "0+100x30",
        of(other, "request_count_total", code=200): "0+9000x30",
        # Only the one that answers is ready.
        of(other, "model_ready"): "1x30",
    }
    raised = 'group by (alertname, service) (ALERTS{alertstate="firing"})'
    expected: dict[str, float] = {
        series(alertname=alert, service=metrics_service(failing)): 1
        for alert in ("ModelErrorBudgetBurn", "ModelUnavailable")
    }

    first, second = (
        rule_groups(model, model.model, "https://runbooks.example")
        for model in parse_all(stack_of(**EXISTING, **several("cats", "dogs")))
    )
    faults = case("one of two", given, promql_expr_test=[says("30m", raised, expected)])
    promtool(tmp_path, first, [faults], others=[second])
