"""A model served on this machine by one process: no Docker, no cluster, no root."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OperationError
from ops.models import ensure_latest
from ops.progress import say, step
from ops.request import requests_of
from ops.server import Server, stopped_at_the_end
from ops.smoke import smoke
from ops.stack import Stack

HOST, PORT = "127.0.0.1", 8000
LOOK_SECONDS = 1
"""How often the server looks for a newer artifact."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where a service is reached. The metrics are on the next port."""

    port: int

    @property
    def metrics_port(self) -> int:
        """The port of the metrics."""
        return self.port + 1

    @property
    def url(self) -> str:
        """The address of predictions and of the page."""
        return f"http://{HOST}:{self.port}"

    @property
    def metrics(self) -> str:
        """The address that Prometheus scrapes."""
        return f"http://{HOST}:{self.metrics_port}/metrics"

    def check_free(self) -> None:
        """See that nobody listens there.

        Raises:
            OperationError: a port is taken; the message says what to do next.

        """
        for port in (self.port, self.metrics_port):
            with socket.socket() as probe:
                # As the server does: a port that only waits for its last packets is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError as error:
                    raise OperationError(
                        f"port {port} of {HOST} cannot be used: {error.strerror}. `ss -ltnp` shows who "
                        f"listens there: end it, or choose another: make serve PORT={self.port + 10}"
                    ) from None


def serve(stack: Stack, model: str | None, port: int) -> None:
    """Serve a model in the foreground until Ctrl-C; a new export of the same name takes over meanwhile.

    Args:
        stack: whose model, folder of artifacts and runtime are the defaults.
        model: a model's name, or the path of an artifact folder; None means the stack's.
        port: of predictions; the metrics are on the next one.

    Raises:
        OperationError: a port is taken, the export failed, or the server has ended.

    """
    addresses = Addresses(port=port)
    addresses.check_free()
    folder = _artifact(stack, model or stack.get("model"))
    artifact = folder.resolve()
    signature = json.loads((artifact / "signature.json").read_text())
    runtime = stack.get("runtime")
    server = Server(
        {
            # Not resolved: the server follows the link to the newest artifact when it moves.
            "model_path": folder,
            "reload_seconds": LOOK_SECONDS,
            "runtime": runtime if runtime in signature["formats"] else signature["formats"][0],
            "host": HOST,
            "port": addresses.port,
            "metrics_port": addresses.metrics_port,
            "drain_delay_seconds": 0,
        }
    )
    with stopped_at_the_end(server):
        with step(f"start the server and load {signature['name']} {signature['version']}"):
            server.wait_until_ready(addresses.url)
        with step("ask for a prediction"):
            prediction = json.dumps(smoke(addresses.url, artifact))
        say(f"  {prediction[:300]}")
        _show_what_to_try(addresses, artifact)
        server.wait()


def _artifact(stack: Stack, model: str) -> Path:
    path = Path(model).absolute()
    if (path / "signature.json").exists():
        return path
    if "/" in model:
        raise OperationError(
            f"{path} is no artifact folder, for it holds no signature.json: give the path of a "
            "build/model/NAME/VERSION, or a model's name alone"
        )
    return ensure_latest(stack, model)


def _show_what_to_try(addresses: Addresses, artifact: Path) -> None:
    lines: list[str] = []
    for request in requests_of(artifact):
        lines += [f"# {request.title}", request.curl(addresses.url), ""]
    lines += [
        f"page:     {addresses.url}/",
        f"API:      {addresses.url}/docs",
        f"metrics:  {addresses.metrics}",
        "Ctrl-C ends it.",
    ]
    print("\n".join(lines), flush=True)  # noqa: T201 - the answer of the command
