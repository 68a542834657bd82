"""Write the results of a run: all figures as JSON, a summary as Markdown tables, and a plot."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from bench.clients import MOST_PER_CORE
from bench.commands import output_of
from bench.paths import HERE
from bench.results import Results
from bench.scenarios import BATCHING_CONNECTIONS, BATCHING_SETTINGS, SCENARIOS, SHARES
from bench.servers import SERVERS
from bench.summary import Goal, Load, Spread, Summary, summarise

PLOT = HERE / "plot"
JSON, MARKDOWN, SVG = "results.json", "results.md", "results.svg"


def write(results: Results, folder: Path, plotter: Path) -> Path:
    """Write the three files and return the path of the Markdown file.

    Args:
        results: the results of the run.
        folder: the folder for the files.
        plotter: the Python of an environment with the packages of plot/requirements.txt.

    Raises:
        BenchError: the plot could not be drawn.

    """
    folder.mkdir(parents=True, exist_ok=True)
    summary = summarise(results)
    titles = {name: server.title for name, server in SERVERS.items()}
    content = {"summary": asdict(summary), "titles": titles, **asdict(results)}
    (folder / JSON).write_text(json.dumps(content, indent=1) + "\n")
    (folder / MARKDOWN).write_text("\n".join(markdown(results, summary)) + "\n")
    output_of([plotter, PLOT / "plot.py", folder / JSON, folder / SVG])
    return folder / MARKDOWN


def markdown(results: Results, summary: Summary) -> Iterator[str]:
    """Yield the lines of the summary. A cell has the median of the rounds, and their range in brackets."""
    machine, plan = results.machine, results.plan
    yield "# Benchmark"
    yield ""
    yield (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB, Linux "
        f"{machine['kernel']}, Python {machine['python']}; servers and clients share the cores. "
        f"{plan['rounds']} rounds, {plan['seconds']} s for each load after {plan['warm_up']} s of warm-up. A "
        f"cell has the median of the rounds, and their range in brackets. Started {results.started}, took "
        f"{results.seconds / 60:.0f} minutes. Load average before: {machine['load_average_before']}; CPU "
        f"time taken by the hypervisor: {results.stolen_share:.1%}. Bare ASGI is an upper limit for a single "
        "request at a time, without checks, batching or metrics."
    )
    if results.failures:
        yield from ("", "**Some runs failed. Do not quote the runs named here:**", "")
        yield from (f"- {failure.splitlines()[0]}" for failure in results.failures)
    if summary.goals:
        yield from _section("Goals", _goals(summary.goals))
    for scenario in SCENARIOS:
        if loads := summary.closed.get(scenario.name):
            title = f"{scenario.title}: {scenario.connections} connection{'s'[: scenario.connections > 1]}"
            bodies = summary.bodies[scenario.name]
            yield from _section(title, _loads(loads, bodies, _limit(summary, scenario.name, scenario.model)))
        if scenario.name in summary.open:
            most = MOST_PER_CORE * machine["cores"]
            title = f"{scenario.title}: at shares of the server's own rate, at most {most:,} per second"
            yield from _section(title, _open(summary, scenario.name))
    for model, starts in summary.starts.items():
        rows = (
            (
                SERVERS[server].title,
                cell(start.cold_start_seconds, 2),
                cell(start.idle_mib, 0),
                cell(start.peak_mib, 0),
                str(start.processes),
            )
            for server, start in starts.items()
        )
        head = ("server", "cold start, s", "idle memory, MiB", "peak memory, MiB", "processes")
        yield from _section(f"Start and memory: {model}", table(head, rows))
    if summary.batching:
        yield from _section("Slipway with and without batching: requests per second", _batching(summary))
    yield from _section("Versions", _versions(results))


def _goals(goals: Iterable[Goal]) -> Iterator[str]:
    rows = (
        (
            goal.name,
            f"{cell(goal.measured, 2)}{goal.unit}",
            f"{'≥' if goal.at_least else '≤'} {goal.bound:g}{goal.unit}",
            "yes" if goal.met else "no",
        )
        for goal in goals
    )
    return table(("goal", "measured", "wanted", "met"), rows)


def _loads(loads: dict[str, Load], bodies: dict[str, str], limit: tuple[str, ...] | None) -> Iterator[str]:
    rows = [(SERVERS[server].title, bodies[server], *_cells(load)) for server, load in loads.items()]
    head = ("server", "body", "requests per second", "p50, ms", "p99, ms")
    return table(head, [*rows, *([limit] if limit else [])])


def _limit(summary: Summary, scenario: str, model: str) -> tuple[str, ...] | None:
    if scenario == "small-one" or model not in summary.limits:
        return None
    title = f"ONNX Runtime alone, batches of {summary.limit_batches[model]} (the limit)"
    return title, "", cell(summary.limits[model], 0), "", ""


def _open(summary: Summary, scenario: str) -> Iterator[str]:
    rows = (
        (
            SERVERS[server].title,
            *(
                shown
                for share, load in loads.items()
                for shown in (cell(summary.sent[scenario][server][share], 0), *_cells(load))
            ),
        )
        for server, loads in summary.open[scenario].items()
        if len(loads) == len(SHARES)
    )
    columns = ("sent per second", "answered", "p50, ms", "p99, ms")
    return table(("server", *(f"{share:.0%}: {column}" for share in SHARES for column in columns)), rows)


def _batching(summary: Summary) -> Iterator[str]:
    rows = (
        (
            connections,
            *(
                shown
                for settings in BATCHING_SETTINGS
                for shown in _cells(summary.batching.get(settings, {}).get(connections))
            ),
        )
        for connections in map(str, BATCHING_CONNECTIONS)
    )
    columns = (column for settings in BATCHING_SETTINGS for column in (settings, "p50, ms", "p99, ms"))
    return table(("connections", *columns), rows)


def _versions(results: Results) -> Iterator[str]:
    rows = (
        (SERVERS[server].title, ", ".join(f"{name} {version}" for name, version in packages.items()))
        for server, packages in results.versions.items()
    )
    return table(("server", "packages"), rows)


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield from lines


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    titles = tuple(head)
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _cells(load: Load | None) -> tuple[str, str, str]:
    if load is None:
        return "", "", ""
    return cell(load.per_second, 0), cell(load.p50_ms, 2), cell(load.p99_ms, 2)


def cell(spread: Spread, digits: int) -> str:
    """Return the median of a spread, and its range in brackets if there is one."""
    middle = f"{spread.median:,.{digits}f}"
    if spread.least == spread.most:
        return middle
    return f"{middle} ({spread.least:,.{digits}f} to {spread.most:,.{digits}f})"
