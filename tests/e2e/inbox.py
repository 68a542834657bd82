"""A server that keeps what Alertmanager posts to a webhook."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

from ops.local.network import NODE_IP


class Inbox(ThreadingHTTPServer):
    """Listens on the bridge of the cluster, which pods reach and other machines do not."""

    def __init__(self) -> None:
        super().__init__((NODE_IP, 0), _Handler)
        self.messages: list[dict[str, Any]] = []
        """https://prometheus.io/docs/alerting/latest/configuration/#webhook_config."""

    @property
    def url(self) -> str:
        return f"http://{NODE_IP}:{self.server_port}/"

    def of(self, status: str) -> list[list[str]]:
        """Return the alerts of each message of a status, `firing` or `resolved`."""
        return [
            sorted(alert["fingerprint"] for alert in message["alerts"])
            for message in self.messages
            if message["status"] == status
        ]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        cast(Inbox, self.server).messages.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def inbox() -> Generator[Inbox]:
    with Inbox() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
