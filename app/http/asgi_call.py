"""A request that the application answers, over ASGI: https://asgi.readthedocs.io/en/latest/specs/www.html."""

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from app.errors import RequestError
from app.http import problems
from app.http.exchange import EMPTY_BUFFER
from app.http.identity import REQUEST_ID
from app.http.problems import Problem
from app.http.request import Headers, Request

if TYPE_CHECKING:
    from app.http.connection import Connection

WHOLE = frozenset({b"content-length", b"connection", b"date"})
"""Headers of an answer that the connection writes."""

log = logging.getLogger(__name__)


class AsgiCall:
    """One call of the application. To the connection it looks as an exchange does."""

    def __init__(self, connection: "Connection", request: Request, request_id: str) -> None:
        self._connection = connection
        self._request = request
        self._id = request_id
        self._pieces: list[bytes] = []
        self.waiting = 0
        """Bytes that the application has not taken."""

        self._complete = False
        self._is_taken = False
        """Whether the application has the whole body. Asked again, it is told when the request is over."""

        self._problem: Problem | RequestError | None = None
        self._changed = asyncio.Event()
        self._begun = False
        """Whether the client sends the body, or was told to."""

        self._status = 0
        self._headers: Headers = []
        self._answer: list[bytes] = []
        self._answered = False
        tasks = connection.listener.tasks
        self._task = asyncio.get_running_loop().create_task(self._run())
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)

    def receive(self, chunk: bytes) -> None:
        """Take a part of the body."""
        self._begun = True
        self._pieces.append(chunk)
        self.waiting += len(chunk)
        self._changed.set()

    def body_buffer(self) -> memoryview:
        """Return no room: the application takes the body in pieces."""
        return EMPTY_BUFFER

    def complete(self) -> None:
        """Say that the body is whole."""
        self._complete = True
        self._changed.set()

    def refuse(self, problem: Problem | RequestError) -> None:
        """Let the application answer a problem that the connection has found, where it reads the body."""
        self._problem = problem
        self._changed.set()

    def cancel(self) -> None:
        """Forget the request: its client is gone."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._connection.listener.app(self._scope(), self._receive, self._send)
        except Exception:
            log.exception("request failed", extra={"request_id": self._id, "path": self._path()})
        if not self._answered:
            problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")
            self._connection.reply(problems.response(problem, self._id))

    def _path(self) -> str:
        return unquote(self._request.target.partition(b"?")[0].decode("ascii"))

    def _scope(self) -> dict[str, Any]:
        request, connection = self._request, self._connection
        path, _, query = request.target.partition(b"?")
        headers = [(name, value) for name, value in request.headers if name != REQUEST_ID]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.version,
            # The connection leaves out the body: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2.
            "method": "GET" if request.method == "HEAD" else request.method,
            "scheme": "http",
            "path": self._path(),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [*headers, (REQUEST_ID, self._id.encode())],
            "client": connection.client,
            "server": connection.server,
            "state": {},
        }

    async def _receive(self) -> dict[str, Any]:
        if self._request.expects_continue and not self._begun:
            self._begun = True
            self._connection.go_on()
        while not self._pieces and (not self._complete or self._is_taken):
            if self._problem is not None:
                raise self._problem
            if self._answered:
                return {"type": "http.disconnect"}
            self._changed.clear()
            await self._changed.wait()
        self._is_taken = self._complete
        body = b"".join(self._pieces)
        self._pieces.clear()
        self.waiting = 0
        self._connection.read_on()
        return {"type": "http.request", "body": body, "more_body": not self._complete}

    async def _send(self, message: Any) -> None:  # noqa: ANN401 - ASGI's messages are dicts of many kinds
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [pair for pair in message.get("headers", ()) if pair[0].lower() not in WHOLE]
            return
        self._answer.append(message.get("body", b""))
        if not message.get("more_body", False):
            self._answered = True
            self._changed.set()
            self._connection.respond(self._status, self._headers, b"".join(self._answer))
