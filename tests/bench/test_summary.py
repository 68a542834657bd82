from collections.abc import Callable, Sequence

import pytest

from bench.clients import Figures
from bench.results import Batching, Closed, Life, Limit, Results
from bench.summary import Goal, Spread, summarise

MEBIBYTE = 2**20


def figures(per_second: float = 100, p50_ms: float = 1, p99_ms: float = 2) -> Figures:
    return Figures(seconds=1, requests=100, per_second=per_second, p50_ms=p50_ms, p99_ms=p99_ms, errors=0)


def loops(scenario: str, server: str, rounds: Sequence[Figures]) -> list[Closed]:
    return [
        Closed(round=number, scenario=scenario, server=server, body="json", connections=32, figures=figures)
        for number, figures in enumerate(rounds, 1)
    ]


def goal(results: Results, name: str) -> Goal:
    return next(found for found in summarise(results).goals if found.name.startswith(name))


def rates(*per_second: float) -> list[Figures]:
    return [figures(rate) for rate in per_second]


def test_a_ratio_is_computed_within_each_round(results: Results):
    results.closed = [
        *loops("small-json", "slipway", rates(1000, 500, 2000)),
        *loops("small-json", "plain", rates(200, 100, 250)),
    ]

    assert goal(results, "small model, JSON: rate ÷ rate of the plain app").measured == Spread(
        median=5, least=5, most=8
    )


def test_the_best_peer_is_neither_the_plain_app_nor_the_upper_limit(results: Results):
    results.closed = [
        *loops("small-json", "slipway", rates(1000)),
        *loops("small-json", "plain", rates(500)),
        *loops("small-json", "bare", rates(2000)),
        *loops("small-json", "litserve", rates(100)),
        *loops("small-json", "mlserver", rates(200)),
    ]

    assert goal(results, "small model, JSON: rate ÷ rate of the best peer").measured.median == 5


def test_slipways_p99_is_divided_by_the_p50_of_the_plain_app(results: Results):
    results.closed = [
        *loops("small-json", "slipway", [figures(p50_ms=1, p99_ms=8)]),
        *loops("small-json", "plain", [figures(p50_ms=16, p99_ms=90)]),
    ]

    measured = goal(results, "small model, JSON: p99")

    assert (measured.measured.median, measured.met) == (0.5, True)


def test_the_limit_is_the_rate_of_the_best_batch_size(results: Results):
    results.closed = loops("efficientnet", "slipway", rates(190))
    results.limits = [
        Limit(round=1, model="efficientnet-lite0", batch=batch, threads=2, per_second=per_second)
        for batch, per_second in ((1, 150), (4, 200), (8, 180))
    ]

    assert goal(results, "EfficientNet-Lite0: rate ÷ in-process limit").measured.median == 0.95
    assert summarise(results).limit_batches == {"efficientnet-lite0": 4}


def test_with_a_single_connection_the_p50_of_bare_asgi_is_subtracted(results: Results):
    results.closed = [
        *loops("small-one", "slipway", [figures(p50_ms=0.30)]),
        *loops("small-one", "bare", [figures(p50_ms=0.10)]),
    ]

    measured = goal(results, "one connection")

    assert measured.measured.median == pytest.approx(0.2)
    assert not measured.met


def test_batching_is_judged_at_the_concurrency_where_it_gains_least(results: Results):
    results.batching = [
        Batching(round=1, settings=settings, connections=connections, figures=figures(per_second))
        for settings, connections, per_second in (
            ("batching", 1, 90),
            ("no batching", 1, 100),
            ("batching", 256, 300),
            ("no batching", 256, 100),
        )
    ]

    measured = goal(results, "batching")

    assert (measured.measured.median, measured.met) == (0.9, False)


def test_cold_start_and_memory_are_those_of_the_small_model(results: Results):
    results.lives = [
        Life(
            round=1,
            server="slipway",
            model=model,
            cold_start_seconds=seconds,
            idle_bytes=mebibytes * MEBIBYTE,
            peak_bytes=mebibytes * MEBIBYTE,
            processes=1,
        )
        for model, seconds, mebibytes in (("small", 0.8, 90), ("efficientnet-lite0", 1.5, 400))
    ]

    assert goal(results, "cold start").measured.median == 0.8
    assert goal(results, "idle memory").measured.median == 90


@pytest.mark.parametrize(("at_least", "met"), [(True, [False, True, True]), (False, [True, True, False])])
def test_a_bound_is_met_by_the_median(at_least: bool, met: Sequence[bool]):
    goals = [
        Goal(name="", measured=Spread(median=median, least=0, most=9), bound=2, at_least=at_least)
        for median in (1, 2, 3)
    ]

    assert [found.met for found in goals] == met


@pytest.mark.parametrize("take", [lambda results: results.closed, lambda results: results.batching])
def test_a_goal_without_measurements_is_left_out(results: Results, take: Callable[[Results], list[object]]):
    assert take(results) == []
    assert summarise(results).goals == []
