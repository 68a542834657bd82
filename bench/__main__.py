"""`python -m bench`: measure Slipway's server and its peers, and write the figures, tables and a plot."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench import machine, models, report, tools
from bench.paths import BUILD, RESULTS
from bench.processes import exit_status
from bench.progress import say
from bench.results import Results
from bench.rounds import Bench
from bench.scenarios import BATCHING, FULL, LIMIT, LIMIT_BATCHES, NAMES, QUICK, SCENARIOS, SMALL
from bench.servers import SERVERS, python

BUSY = 0.25
"""The load average per core above which a machine is too busy to measure."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 1 if a server failed or answered with an error."""
    options = _parser().parse_args(arguments)
    return exit_status(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    plan = QUICK if options.quick else FULL
    whole = not options.quick and set(options.only) == set(NAMES) and set(options.servers) == set(SERVERS)
    servers = [SERVERS[name] for name in options.servers]
    wrk, vegeta, plotter = tools.wrk(), tools.vegeta(), tools.environment(report.PLOT)
    pythons = {server.name: python(server, tools.environment) for server in servers}
    needed = {scenario.model for scenario in SCENARIOS if scenario.name in options.only}
    needed |= set(LIMIT_BATCHES) if LIMIT in options.only else set()
    needed |= {SMALL} if BATCHING in options.only else set()
    results = Results(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine.describe(),
        plan={"quick": options.quick, **asdict(plan)},
        versions={server.name: tools.versions(pythons[server.name], server.packages) for server in servers},
    )
    if (load := results.machine["load_average_before"]) > BUSY * machine.cores():
        say(f"! the load average is {load}: other programs are running, so the figures are not reliable")
    bench = Bench(
        plan=plan,
        only=options.only,
        servers=servers,
        pythons=pythons,
        models={name: models.load(name) for name in LIMIT_BATCHES if name in needed},
        wrk=wrk,
        vegeta=vegeta,
        results=results,
    )
    start, stolen = time.monotonic(), machine.stolen()
    bench.run()
    results.seconds = time.monotonic() - start
    results.stolen_share = (machine.stolen() - stolen) / (results.seconds * machine.cores())
    written = report.write(results, options.output or (RESULTS if whole else BUILD / "results"), plotter)
    say(f"{len(results.failures)} failures, {results.seconds / 60:.1f} minutes")
    sys.stdout.write(written.read_text())
    return 1 if results.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a single round with short loads, as a check")
    add(
        "--only",
        nargs="+",
        choices=NAMES,
        default=NAMES,
        metavar="SCENARIO",
        help=f"the scenarios to run: {', '.join(NAMES)}",
    )
    add(
        "--servers",
        nargs="+",
        choices=SERVERS,
        default=list(SERVERS),
        metavar="SERVER",
        help=f"the servers to measure: {', '.join(SERVERS)}",
    )
    add(
        "--output",
        type=Path,
        help="the folder for the results (bench/results for a full run, else build/bench/results)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
