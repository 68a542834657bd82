"""Run the measurements in rounds, every server once in a round, so that all meet the same conditions."""

import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine
from bench.clients import MOST_PER_CORE, open_loop
from bench.commands import output_of
from bench.errors import BenchError
from bench.models import Model
from bench.paths import PROJECT
from bench.progress import say
from bench.results import Batching, Closed, Life, Limit, Open, Results
from bench.scenarios import (
    BATCHING,
    BATCHING_CONNECTIONS,
    BATCHING_SETTINGS,
    LIMIT,
    LIMIT_BATCHES,
    SCENARIOS,
    SHARES,
    SMALL,
    Plan,
    Scenario,
)
from bench.servers import SLIPWAY, Server
from bench.up import Up, refuse_errors, running_server, shown

IDLE_SECONDS = 1.0
"""The pause between a server's readiness and the measurement of its idle memory."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A benchmark run: its plan, servers, models and tools."""

    plan: Plan
    only: Sequence[str]
    """The scenarios to run, by name."""

    servers: Sequence[Server]
    pythons: Mapping[str, Path]
    models: Mapping[str, Model]
    wrk: str
    vegeta: Path
    results: Results = field(repr=False)

    def run(self) -> None:
        """Run all measurements. A failure is printed and recorded, and the others continue."""
        for number in range(1, self.plan.rounds + 1):
            for name in self.models:
                for server in self.servers:
                    self._scenarios(number, server, self.models[name])
                if LIMIT in self.only:
                    self._limit(number, self.models[name])
            if BATCHING in self.only:
                self._batching(number)

    def _scenarios(self, number: int, server: Server, model: Model) -> None:
        todo = [
            scenario
            for scenario in SCENARIOS
            if scenario.name in self.only and scenario.model == model.name and server.name in scenario.servers
        ]
        if not todo:
            return
        with (
            self._recorded(f"round {number}: {server.name}, {model.name}"),
            running_server(server, model, self.pythons[server.name]) as up,
        ):
            time.sleep(IDLE_SECONDS)
            idle = up.running.resident_bytes()
            cold = up.running.cold_start_seconds
            say(f"  ready after {cold:.2f} s, {idle / 2**20:.0f} MiB idle")
            for scenario in todo:
                with self._recorded(f"round {number}: {server.name}, {scenario.name}"):
                    self._loops(number, up, scenario)
            up.running.resident_bytes()
            self.results.lives.append(
                Life(
                    round=number,
                    server=server.name,
                    model=model.name,
                    cold_start_seconds=cold,
                    idle_bytes=idle,
                    peak_bytes=up.running.peak_bytes,
                    processes=up.running.processes,
                )
            )

    def _loops(self, number: int, up: Up, scenario: Scenario) -> None:
        server, plan = up.server, self.plan
        body = scenario.body(server)
        if body is None:
            raise BenchError(f"the server accepts none of {', '.join(scenario.bodies)}")
        request = server.requests[body](up.model)
        up.check(request)
        up.closed_loop(self.wrk, request, scenario.connections, plan.warm_up)
        figures = up.closed_loop(self.wrk, request, scenario.connections, plan.seconds)
        up.check(request)
        say(f"  {scenario.name} ({body}), {scenario.connections} connections: {shown(figures)}")
        self.results.closed.append(
            Closed(
                round=number,
                scenario=scenario.name,
                server=server.name,
                body=body,
                connections=scenario.connections,
                figures=figures,
            )
        )
        refuse_errors(figures)
        for share in SHARES if scenario.open_loop and (server.peer or server is SLIPWAY) else ():
            rate = max(1, round(min(figures.per_second * share, MOST_PER_CORE * machine.cores())))
            opened = open_loop(
                self.vegeta, up.running.port, request, up.folder, rate=rate, seconds=plan.seconds
            )
            say(f"  {scenario.name}, {rate:,}/s sent, {share:.0%} of the closed loop: {shown(opened)}")
            self.results.open.append(
                Open(
                    round=number,
                    scenario=scenario.name,
                    server=server.name,
                    share=share,
                    rate=rate,
                    figures=opened,
                )
            )
            refuse_errors(opened)

    def _limit(self, number: int, model: Model) -> None:
        with self._recorded(f"round {number}: ONNX Runtime without a server, {model.name}"):
            for batch in LIMIT_BATCHES[model.name]:
                threads = machine.cores()
                per_second = _measure_limit(model, batch, threads, self.plan.limit_seconds)
                say(f"  batches of {batch} in {threads} threads: {per_second:.0f} samples per second")
                self.results.limits.append(
                    Limit(round=number, model=model.name, batch=batch, threads=threads, per_second=per_second)
                )

    def _batching(self, number: int) -> None:
        """Compare batching with no batching: at each concurrency the two running servers take turns."""
        with self._recorded(f"round {number}: {SLIPWAY.name}, batching"), ExitStack() as stack:
            model = self.models[SMALL]
            ups = {
                settings: stack.enter_context(running_server(SLIPWAY, model, self.pythons[SLIPWAY.name], env))
                for settings, env in BATCHING_SETTINGS.items()
            }
            request = SLIPWAY.requests["json"](model)
            for up in ups.values():
                up.check(request)
                up.closed_loop(self.wrk, request, max(BATCHING_CONNECTIONS) // 8, self.plan.warm_up)
            for connections in BATCHING_CONNECTIONS:
                for settings, up in ups.items():
                    figures = up.closed_loop(self.wrk, request, connections, self.plan.batching_seconds)
                    say(f"  {settings}, {connections} connections: {shown(figures)}")
                    self.results.batching.append(
                        Batching(round=number, settings=settings, connections=connections, figures=figures)
                    )
                    refuse_errors(figures)

    @contextmanager
    def _recorded(self, name: str) -> Generator[None]:
        say(f"→ {name}")
        try:
            yield
        except BenchError as error:
            say(f"✗ {name}: {error}")
            self.results.failures.append(f"{name}: {error}")


def _measure_limit(model: Model, batch: int, threads: int, seconds: int) -> float:
    numbers = [model.shape, str(batch), str(threads), str(seconds)]
    command = [sys.executable, "-m", "bench.limit", str(model.file("onnx")), *numbers]
    return float(output_of(command, folder=PROJECT))
