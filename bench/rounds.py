"""The measuring: round after round, in each one server after the other, so that all see the same weather."""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine
from bench.clients import MOST_PER_CORE, Figures, Request, ask, closed_loop, open_loop
from bench.errors import BenchError
from bench.models import Model
from bench.paths import BUILD, PROJECT
from bench.processes import Running, running
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
from bench.servers import SLIPWAY, Launch, Server

IDLE_SECONDS = 1.0
"""Between a server's readiness and the look at its memory at rest."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Everything that measuring needs."""

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
        """Take all figures. What fails is told, noted as a failure, and does not stop the rest."""
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
        with self._noted(f"round {number}: {server.name}, {model.name}"), self._up(server, model) as up:
            time.sleep(IDLE_SECONDS)
            idle = up.running.resident_bytes()
            cold = up.running.cold_start_seconds
            say(f"  ready after {cold:.2f} s, {idle / 2**20:.0f} MiB at rest")
            for scenario in todo:
                with self._noted(f"round {number}: {server.name}, {scenario.name}"):
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

    def _loops(self, number: int, up: "_Up", scenario: Scenario) -> None:
        server, plan = up.server, self.plan
        body = scenario.body(server)
        if body is None:
            raise BenchError(f"it takes none of {', '.join(scenario.bodies)}")
        request = server.requests[body](up.model)
        up.check(request)
        self._closed(up, request, scenario.connections, plan.warm_up)
        figures = self._closed(up, request, scenario.connections, plan.seconds)
        up.check(request)
        say(f"  {scenario.name} ({body}), {scenario.connections} connections: {_shown(figures)}")
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
        _refuse_errors(figures)
        for share in SHARES if scenario.open_loop and (server.peer or server is SLIPWAY) else ():
            rate = max(1, round(min(figures.per_second * share, MOST_PER_CORE * machine.cores())))
            opened = open_loop(
                self.vegeta, up.running.port, request, up.folder, rate=rate, seconds=plan.seconds
            )
            say(f"  {scenario.name}, {rate:,}/s sent, at most {share:.0%} of that: {_shown(opened)}")
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
            _refuse_errors(opened)

    def _limit(self, number: int, model: Model) -> None:
        with self._noted(f"round {number}: ONNX Runtime alone, {model.name}"):
            for batch in LIMIT_BATCHES[model.name]:
                threads = machine.cores()
                per_second = _alone(model, batch, threads, self.plan.limit_seconds)
                say(f"  batches of {batch} in {threads} threads: {per_second:.0f} samples a second")
                self.results.limits.append(
                    Limit(round=number, model=model.name, batch=batch, threads=threads, per_second=per_second)
                )

    def _batching(self, number: int) -> None:
        """Compare at each concurrency one after the other, both servers being up all the time."""
        with self._noted(f"round {number}: {SLIPWAY.name}, batching"), ExitStack() as stack:
            model = self.models[SMALL]
            ups = {
                settings: stack.enter_context(self._up(SLIPWAY, model, env))
                for settings, env in BATCHING_SETTINGS.items()
            }
            request = SLIPWAY.requests["json"](model)
            for up in ups.values():
                up.check(request)
                self._closed(up, request, max(BATCHING_CONNECTIONS) // 8, self.plan.warm_up)
            for connections in BATCHING_CONNECTIONS:
                for settings, up in ups.items():
                    figures = self._closed(up, request, connections, self.plan.batching_seconds)
                    say(f"  {settings}, {connections} connections: {_shown(figures)}")
                    self.results.batching.append(
                        Batching(round=number, settings=settings, connections=connections, figures=figures)
                    )
                    _refuse_errors(figures)

    def _closed(self, up: "_Up", request: Request, connections: int, seconds: int) -> Figures:
        return closed_loop(
            self.wrk, up.running.port, request, up.folder, connections=connections, seconds=seconds
        )

    @contextmanager
    def _up(self, server: Server, model: Model, env: Mapping[str, str] | None = None) -> Generator["_Up"]:
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            launch = Launch(
                python=self.pythons[server.name],
                model=model,
                cores=machine.cores(),
                ports=_free_ports(),
                folder=folder,
            )
            with running(
                server.command(launch),
                env={**server.environment(launch), **(env or {})},
                folder=server.home,
                port=launch.port,
                ready=server.ready,
                log=BUILD / "logs" / f"{server.name}-{model.name}.log",
            ) as process:
                yield _Up(server=server, model=model, running=process, folder=folder)

    @contextmanager
    def _noted(self, name: str) -> Generator[None]:
        say(f"→ {name}")
        try:
            yield
        except BenchError as error:
            say(f"✗ {name}: {error}")
            self.results.failures.append(f"{name}: {error}")


@dataclass(frozen=True, kw_only=True)
class _Up:
    """A server that is up, with what its clients need."""

    server: Server
    model: Model
    running: Running
    folder: Path

    def check(self, request: Request) -> None:
        """Send one request and hold its answer against the model's."""
        answer = json.loads(ask(self.running.port, request))
        self.model.check(self.server.answer(answer), self.server.name)


def _alone(model: Model, batch: int, threads: int, seconds: int) -> float:
    numbers = [model.shape, str(batch), str(threads), str(seconds)]
    command = [sys.executable, "-m", "bench.limit", str(model.file("onnx")), *numbers]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(done.stderr.strip())
    return float(done.stdout)


def _free_ports() -> tuple[int, int, int]:
    with ExitStack() as stack:
        first, second, third = (
            stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(3)
        )
        return first, second, third


def _refuse_errors(figures: Figures) -> None:
    if figures.errors:
        said = f": {figures.faults}" if figures.faults else ""
        raise BenchError(f"{figures.errors} of {figures.requests} requests were not answered with 200{said}")


def _shown(figures: Figures) -> str:
    errors = f", {figures.errors} errors" if figures.errors else ""
    return f"{figures.per_second:,.0f}/s, p50 {figures.p50_ms:.2f} ms, p99 {figures.p99_ms:.2f} ms{errors}"
