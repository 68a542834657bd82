from bench.report import markdown
from bench.results import Closed, Open, Results
from bench.summary import summarise
from tests.bench.conftest import figures


def lines(results: Results) -> list[str]:
    return list(markdown(results, summarise(results)))


def closed(number: int, per_second: float) -> Closed:
    return Closed(
        round=number,
        scenario="small-json",
        server="slipway",
        body="json",
        connections=32,
        figures=figures(per_second),
    )


def test_a_cell_has_the_median_and_the_range(results: Results):
    results.closed = [closed(1, 10_000), closed(2, 12_000), closed(3, 9_000)]

    assert "| Slipway | json | 10,000 (9,000 to 12,000) | 1.00 | 2.00 |" in lines(results)


def test_a_report_with_failures_starts_with_a_warning(results: Results):
    results.closed = [closed(1, 10_000)]
    results.failures = ["round 1: ray, small: the server was not ready within 60 s\nits log"]

    said = lines(results)

    assert said.index("**Some runs failed. Do not quote the runs named here:**") < said.index(
        "## small model, JSON: 32 connections"
    )
    assert "- round 1: ray, small: the server was not ready within 60 s" in said


def test_the_report_has_the_machine_and_the_versions(results: Results):
    said = lines(results)

    assert any("2 cores of a processor, 8.0 GiB, Linux 6.1, Python 3.11.9" in line for line in said)
    assert "| Slipway | onnxruntime 1.32.0 |" in said


def test_the_rate_sent_is_beside_the_rate_answered(results: Results):
    results.closed = [closed(1, 10_000)]
    results.open = [
        Open(
            round=1,
            scenario="small-json",
            server="slipway",
            share=share,
            rate=rate,
            figures=figures(rate - 1),
        )
        for share, rate in ((0.5, 2000), (0.8, 3000))
    ]

    row = "| Slipway | 2,000 | 1,999 | 1.00 | 2.00 | 3,000 | 2,999 | 1.00 | 2.00 |"
    assert row in lines(results)
