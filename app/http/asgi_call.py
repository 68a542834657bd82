"""Answers a request with the ASGI application: https://asgi.readthedocs.io/en/latest/specs/www.html."""

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

CONNECTION_HEADERS = frozenset({b"content-length", b"connection", b"date"})
"""Response headers that the connection writes itself."""

log = logging.getLogger(__name__)


class AsgiCall:
    """One call of the application. It is a `Handler`, as `Exchange` is."""

    def __init__(self, connection: "Connection", request: Request, request_id: str) -> None:
        """Start the call as a task.

        Args:
            connection: writes the response.
            request: the head of the request.
            request_id: replaces the request's X-Request-ID.

        """
        self._connection = connection
        self._request = request
        self._request_id = request_id
        self._chunks: list[bytes] = []
        self.buffered_bytes = 0
        """Bytes of the body that the application has not read yet."""

        self._complete = False
        self._body_is_read = False
        """Whether the application has read the whole body. Its next `receive` waits for the disconnect."""

        self._problem: Problem | RequestError | None = None
        self._changed = asyncio.Event()
        self._body_started = False
        """Whether the client has begun to send the body, or was told to."""

        self._status = 0
        self._headers: Headers = []
        self._response_chunks: list[bytes] = []
        self._responded = False
        tasks = connection.listener.tasks
        self._task = asyncio.get_running_loop().create_task(self._run())
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)

    def receive(self, chunk: bytes) -> None:
        """Accept the next part of the body."""
        self._body_started = True
        self._chunks.append(chunk)
        self.buffered_bytes += len(chunk)
        self._changed.set()

    def body_buffer(self) -> memoryview:
        """Return an empty buffer: the application reads the body in chunks."""
        return EMPTY_BUFFER

    def complete(self) -> None:
        """Tell the application that the whole body has been received."""
        self._complete = True
        self._changed.set()

    def refuse(self, problem: Problem | RequestError) -> None:
        """Raise a problem in the application, where it reads the body; its error handlers answer."""
        self._problem = problem
        self._changed.set()

    def cancel(self) -> None:
        """Cancel the task: the client has disconnected."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._connection.listener.app(self._scope(), self._receive, self._send)
        except Exception:
            log.exception("request failed", extra={"request_id": self._request_id, "path": self._path()})
        if not self._responded:
            problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")
            self._connection.reply(problems.to_response(problem, self._request_id))

    def _path(self) -> str:
        return unquote(self._request.target.partition(b"?")[0].decode("ascii"))

    def _scope(self) -> dict[str, Any]:
        request, connection = self._request, self._connection
        path, _, query = request.target.partition(b"?")
        root_path = connection.listener.root_path
        headers = [(name, value) for name, value in request.headers if name != REQUEST_ID]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.version,
            # HEAD is answered as GET; the connection leaves out the body (RFC 9110, section 9.3.2).
            "method": "GET" if request.method == "HEAD" else request.method,
            "scheme": "http",
            "path": _with_root(root_path, self._path()),
            "raw_path": path,
            "query_string": query,
            "root_path": root_path,
            "headers": [*headers, (REQUEST_ID, self._request_id.encode())],
            "client": connection.client,
            "server": connection.server,
            "state": {},
        }

    async def _receive(self) -> dict[str, Any]:
        if self._request.expects_continue and not self._body_started:
            self._body_started = True
            self._connection.send_continue()
        while not self._chunks and (not self._complete or self._body_is_read):
            if self._problem is not None:
                raise self._problem
            if self._responded:
                return {"type": "http.disconnect"}
            self._changed.clear()
            await self._changed.wait()
        self._body_is_read = self._complete
        body = b"".join(self._chunks)
        self._chunks.clear()
        self.buffered_bytes = 0
        self._connection.update_reading()
        return {"type": "http.request", "body": body, "more_body": not self._complete}

    async def _send(self, message: Any) -> None:  # noqa: ANN401 - ASGI's messages are dicts of many kinds
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = message.get("headers", ())
            self._headers = [header for header in headers if header[0].lower() not in CONNECTION_HEADERS]
            return
        self._response_chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            self._responded = True
            self._changed.set()
            self._connection.respond(self._status, self._headers, b"".join(self._response_chunks))


def _with_root(root_path: str, path: str) -> str:
    """Return a path below the root path, where ASGI has it, whether a proxy has removed it or not."""
    return path if path == "*" else root_path + (path.removeprefix(root_path) or "/")
