"""Run a server with a model and send loads to it."""

import json
import socket
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import clients, machine
from bench.clients import Figures, Request, ask
from bench.errors import BenchError
from bench.models import Model
from bench.paths import BUILD
from bench.processes import Running, running
from bench.servers import Launch, Server


@dataclass(frozen=True, kw_only=True)
class Up:
    """A running server, with the methods that send requests to it."""

    server: Server
    model: Model
    running: Running
    folder: Path

    def check(self, request: Request) -> None:
        """Send a request and compare the answer with the expected one.

        Raises:
            BenchError: the answer differs, or there is none.

        """
        answer = json.loads(ask(self.running.port, request))
        self.model.check(self.server.answer(answer), self.server.name)

    def closed_loop(self, wrk: str, request: Request, connections: int, seconds: int) -> Figures:
        """Send a load on a number of connections, which are always busy.

        Raises:
            BenchError: wrk failed.

        """
        return clients.closed_loop(
            wrk, self.running.port, request, self.folder, connections=connections, seconds=seconds
        )


@contextmanager
def running_server(
    server: Server, model: Model, python: Path, env: Mapping[str, str] | None = None
) -> Generator[Up]:
    """Start a server with a model, and stop it when the block ends.

    Args:
        server: the server to start.
        model: the model that it serves.
        python: the Python of the server's environment.
        env: environment variables in addition to the server's own.

    Raises:
        BenchError: it did not become ready, or ended under load.

    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        launch = Launch(python=python, model=model, cores=machine.cores(), ports=_free_ports(), folder=folder)
        with running(
            server.command(launch),
            env={**server.environment(launch), **(env or {})},
            folder=server.home,
            port=launch.port,
            ready=server.ready,
            log=BUILD / "logs" / f"{server.name}-{model.name}.log",
        ) as process:
            yield Up(server=server, model=model, running=process, folder=folder)


def refuse_errors(figures: Figures) -> None:
    """Raise an error if a request was not answered with 200.

    Raises:
        BenchError: the message has the number of errors, and their kinds if the client gives them.

    """
    if figures.errors:
        faults = f": {figures.faults}" if figures.faults else ""
        raise BenchError(
            f"{figures.errors} of {figures.requests} requests were not answered with 200{faults}"
        )


def shown(figures: Figures) -> str:
    """Return the figures as a line for a person."""
    errors = f", {figures.errors} errors" if figures.errors else ""
    return f"{figures.per_second:,.0f}/s, p50 {figures.p50_ms:.2f} ms, p99 {figures.p99_ms:.2f} ms{errors}"


def _free_ports() -> tuple[int, int, int]:
    with ExitStack() as stack:
        first, second, third = (
            stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(3)
        )
        return first, second, third
