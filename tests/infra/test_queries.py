import inspect
import math
import re
from pathlib import Path
from typing import Any, get_type_hints

import promql_parser as promql

from app.serving.metrics import CODES, LATENCY_BUCKETS
from infra.queries import CLIENTS_OWN, FAULTS, TOO_LATE, WAITED, Queries
from tests.infra.exports import server
from tests.infra.promql import names, parse, selectors
from tests.infra.promtool import Series, case, needs_promtool, promtool, says, series

QUERIES = Queries(namespace="apart", service="cats-metrics")
EXAMPLES: dict[str, Any] = {"window": "5m", "quantile": 0.99, "seconds": 0.5}
OF_US = {"namespace": "apart", "service": "cats-metrics"}


def every_query() -> dict[str, str]:
    """Return every query by name, with an example for each parameter."""
    methods = inspect.getmembers(QUERIES, inspect.ismethod)
    return {
        name: method(
            **{
                parameter: EXAMPLES[parameter]
                for parameter in get_type_hints(method)
                if parameter != "return"
            }
        )
        for name, method in methods
        if not name.startswith("_")
    }


def test_every_metric_and_label_that_a_query_names_is_exported():
    exported = server()
    queries = every_query()

    assert len(queries) >= 15
    for name, query in queries.items():
        asked = names(query)
        assert asked, name
        for metric, labels in asked.items():
            assert metric in exported, name
            assert labels <= exported[metric], name


def test_every_query_selects_a_single_service_of_a_single_namespace():
    for name, query in every_query().items():
        for selector in selectors(parse(query)):
            matchers = selector.matchers.matchers
            exact = {
                matcher.name: matcher.value for matcher in matchers if matcher.op == promql.MatchOp.Equal
            }
            assert exact.items() >= OF_US.items(), name


def test_a_code_is_matched_as_it_is_exported():
    def codes(pattern: str) -> set[int]:
        return {code for code in CODES if re.fullmatch(pattern, str(code))}

    assert codes(FAULTS) == {500, 503, 504}
    assert codes(CLIENTS_OWN) == set(CODES) - {200, 500, 503, 504}
    assert codes(WAITED) == {200, 499}
    assert codes(TOO_LATE) == {504}


def asked(folder: Path, given: Series, answers: dict[str, float | None]) -> None:
    """Run queries by promtool over ten minutes of series, and check that each gives its number, or none."""
    questions = [
        says("10m", query, {} if answer is None else {"{}": answer}) for query, answer in answers.items()
    ]
    promtool(folder, [], [case("asked", given, promql_expr_test=questions)])


def of_pod(metric: str, pod: str = "a", **labels: str) -> str:
    return series(metric, **{**OF_US, "pod": pod, **labels})


def histogram(*of_code: tuple[int, float, int]) -> Series:
    """Return ten minutes of answers: for each code its seconds per answer and answers per minute."""
    taken = dict.fromkeys(CODES, (0.0, 0)) | {code: (seconds, count) for code, seconds, count in of_code}
    given: Series = {}
    for code, (seconds, count) in taken.items():
        for bound in (*LATENCY_BUCKETS, math.inf):
            le = "+Inf" if math.isinf(bound) else str(float(bound))
            name = of_pod("request_latency_seconds_bucket", code=str(code), le=le)
            given[name] = f"0+{count if seconds <= bound else 0}x10"
        given[of_pod("request_latency_seconds_count", code=str(code))] = f"0+{count}x10"
    return given


WAITED_FOR = QUERIES.waited_quantile(0.95, "5m")


@needs_promtool
def test_requests_at_their_deadline_count_as_waiting_and_refused_ones_do_not(tmp_path: Path):
    mostly_refused = histogram((200, 2.0, 1), (503, 0.001, 99), (400, 0.001, 99))
    given_up = histogram((200, 0.01, 9), (504, 10.0, 1))
    left = histogram((200, 0.01, 9), (499, 4.0, 1))

    asked(tmp_path, mostly_refused, {f"({WAITED_FOR}) > bool 1": 1, f"({WAITED_FOR}) <= bool 2.5": 1})
    asked(tmp_path, given_up, {f"({WAITED_FOR}) > bool 5": 1, f"({WAITED_FOR}) <= bool 10": 1})
    asked(tmp_path, left, {f"({WAITED_FOR}) > bool 2.5": 1, f"({WAITED_FOR}) <= bool 5": 1})


@needs_promtool
def test_the_waiting_time_is_zero_without_requests_and_missing_without_scrapes(tmp_path: Path):
    elsewhere = {
        name.replace('"apart"', '"other"'): values for name, values in histogram((200, 1, 1)).items()
    }

    asked(tmp_path, histogram(), {WAITED_FOR: 0})
    asked(tmp_path, histogram((503, 0.001, 9)), {WAITED_FOR: 0})
    asked(tmp_path, elsewhere, {WAITED_FOR: None})


@needs_promtool
def test_a_shared_signal_is_summed_and_missing_without_scrapes(tmp_path: Path):
    for metric, query in {
        "request_queue_depth": QUERIES.queue_depth(),
        "request_in_flight": QUERIES.in_flight(),
    }.items():
        pods = {of_pod(metric, pod, version=version): "3x10" for pod, version in ("ax", "bx", "by")}

        asked(tmp_path, pods, {query: 9})
        asked(tmp_path, {of_pod(metric, namespace="other"): "3x10"}, {query: None})
        asked(tmp_path, {of_pod(metric, service="dogs-metrics"): "3x10"}, {query: None})
