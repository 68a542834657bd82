"""Serve a model on this machine with a single process, without Docker, a cluster or root."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OperationError
from ops.keys import given
from ops.models import ensure_latest
from ops.progress import say, step
from ops.request import requests_of
from ops.server import Server, stop_at_exit
from ops.smoke import smoke
from ops.stack import Stack

HOST, PORT = "127.0.0.1", 8000
RELOAD_SECONDS = 1
"""How often the server checks for a newer artifact."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The addresses of a server: predictions on `port`, metrics on the port after it."""

    port: int

    @property
    def metrics_port(self) -> int:
        """The port of the metrics."""
        return self.port + 1

    @property
    def url(self) -> str:
        """The base URL of predictions and of the web page."""
        return f"http://{HOST}:{self.port}"

    @property
    def metrics(self) -> str:
        """The URL that Prometheus scrapes."""
        return f"http://{HOST}:{self.metrics_port}/metrics"

    def check_free(self) -> None:
        """Check that both ports are free.

        Raises:
            OperationError: a port is in use; the message says what to do next.

        """
        for port in (self.port, self.metrics_port):
            with socket.socket() as probe:
                # As the server does: a port in TIME_WAIT can be bound again.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError as error:
                    raise OperationError(
                        f"port {port} of {HOST} cannot be used: {error.strerror}. `ss -ltnp` shows who "
                        f"listens there: end it, or choose another: make serve PORT={self.port + 10}"
                    ) from None


def serve(stack: Stack, model: str | None, port: int) -> None:
    """Serve a model in the foreground until Ctrl-C, and load each new export of the same name.

    Args:
        stack: the stack that gives the default model, the folder of artifacts and the runtime.
        model: the name of a model or the path of an artifact; None means the stack's model.
        port: the port for predictions; the metrics are on the port after it.

    Raises:
        OperationError: a port is in use, the export failed, or the server ended.

    """
    addresses = Addresses(port=port)
    addresses.check_free()
    folder = _artifact(stack, model or stack.get("model"))
    artifact = folder.resolve()
    signature = json.loads((artifact / "signature.json").read_text())
    runtime = stack.get("runtime")
    server = Server(
        {
            # Not resolved: the server follows the link `latest` when it moves to a newer artifact.
            "model_path": folder,
            "reload_seconds": RELOAD_SECONDS,
            "runtime": runtime if runtime in signature["formats"] else signature["formats"][0],
            "host": HOST,
            "port": addresses.port,
            "metrics_port": addresses.metrics_port,
            "drain_delay_seconds": 0,
        }
    )
    with stop_at_exit(server):
        with step(f"start the server and load {signature['name']} {signature['version']}"):
            server.wait_until_ready(addresses.url)
        with step("ask for a prediction"):
            prediction = json.dumps(smoke(addresses.url, artifact, key=given()))
        say(f"  {prediction[:300]}")
        _show_what_to_try(addresses, artifact)
        server.wait()


def _artifact(stack: Stack, model: str) -> Path:
    path = Path(model).absolute()
    if (path / "signature.json").exists():
        return path
    if "/" in model:
        raise OperationError(
            f"{path} is not an artifact: it has no signature.json. Give the path of an artifact "
            "(build/model/NAME/VERSION), or only the name of a model"
        )
    return ensure_latest(stack, model)


def _show_what_to_try(addresses: Addresses, artifact: Path) -> None:
    lines: list[str] = []
    for request in requests_of(artifact):
        lines += [f"# {request.title}", request.curl(addresses.url, needs_key=given() is not None), ""]
    lines += [
        f"page:     {addresses.url}/",
        f"API:      {addresses.url}/docs",
        f"metrics:  {addresses.metrics}",
        "Ctrl-C stops the server.",
    ]
    print("\n".join(lines), flush=True)  # noqa: T201 - the output of the command
