"""uvicorn and httptools behave as app/ relies on. docs/architecture.md lists why, and how to update them."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser
from uvicorn import Config, Server

HOST = "127.0.0.1"


class Connection(asyncio.Protocol):
    """A connection that stays open until uvicorn shuts it down."""

    def __init__(self, connections: set["Connection"]) -> None:
        self.connections = connections
        self.asked_to_end = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.connections.discard(self)

    def shutdown(self) -> None:
        self.asked_to_end += 1


class Recorded(Server):
    """A server that records the calls of `shutdown`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.shut_down_with: list[list[socket.socket] | None] = []

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.shut_down_with.append(sockets)
        await super().shutdown(sockets)


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - uvicorn sets a flag, and tells nobody
        await asyncio.sleep(0.01)


class Running:
    """A server in the background, with the connections and the tasks that app/ would give it."""

    def __init__(self, *, graceful_seconds: int | None = None) -> None:
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.calls: list[tuple[tuple[object, ...], dict[str, object]]] = []
        config = Config(
            cast(Any, None),
            host=HOST,
            port=0,
            http=cast(Any, self.connect),
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=graceful_seconds,
        )
        self.server = Recorded(config)
        state = cast(Any, self.server.server_state)
        state.connections, state.tasks = self.connections, self.tasks
        self.listener = config.bind_socket()

    def connect(self, *args: object, **keywords: object) -> Connection:
        self.calls.append((args, keywords))
        return Connection(self.connections)

    async def start(self) -> None:
        self.serving = asyncio.create_task(self.server.serve([self.listener]))
        await until(lambda: self.server.started)
        _, self.writer = await asyncio.open_connection(*self.listener.getsockname())
        await until(lambda: bool(self.connections))

    @property
    def connection(self) -> Connection:
        (connection,) = self.connections
        return connection

    async def ends_within(self, seconds: float) -> bool:
        done, _ = await asyncio.wait([self.serving], timeout=seconds)
        return bool(done)

    async def end(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.writer.close()
        await asyncio.gather(self.serving, *self.tasks, return_exceptions=True)


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


def test_http_is_called_once_per_connection_with_keyword_arguments_only():
    async def work() -> None:
        running = Running()
        await running.start()
        await running.end()
        assert [args for args, _ in running.calls] == [()]

    run(work())


def test_shutdown_gets_the_sockets_and_ends_when_every_connection_has_ended():
    async def work() -> None:
        running = Running()
        await running.start()
        connection = running.connection
        running.server.should_exit = True

        assert not await running.ends_within(0.5)
        assert connection.asked_to_end == 1
        connection.transport.close()
        assert await running.ends_within(10)
        assert running.server.shut_down_with == [[running.listener]]
        assert running.listener.fileno() == -1
        await running.end()

    run(work())


def test_shutdown_waits_for_every_task():
    async def work() -> None:
        running = Running()
        await running.start()
        go_on = asyncio.Event()
        task = asyncio.create_task(cast(Any, go_on.wait()))
        running.tasks.add(task)
        task.add_done_callback(running.tasks.discard)
        running.connection.transport.close()
        running.server.should_exit = True

        assert not await running.ends_within(0.5)
        go_on.set()
        assert await running.ends_within(10)
        await running.end()

    run(work())


@pytest.mark.slow
def test_tasks_are_cancelled_after_timeout_graceful_shutdown():
    async def work() -> None:
        running = Running(graceful_seconds=1)
        await running.start()
        task = asyncio.create_task(asyncio.sleep(3600))
        running.tasks.add(task)
        running.server.should_exit = True

        assert await running.ends_within(10)
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()
        await running.end()

    run(work())


def test_force_exit_ends_the_wait_for_connections():
    async def work() -> None:
        running = Running()
        await running.start()
        running.server.should_exit = True
        assert not await running.ends_within(0.5)

        running.server.force_exit = True
        assert await running.ends_within(10)
        assert running.connections
        await running.end()

    run(work())


def test_handle_exit_is_the_handler_of_both_signals():
    server = Server(Config(cast(Any, None)))

    with server.capture_signals():
        handlers = {signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    assert handlers == {server.handle_exit}


class Callbacks:
    """Records what the parser finds."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete += 1


def parse(method: str, lines: Iterable[str], end: str = "\r\n") -> Callbacks:
    callbacks = Callbacks()
    head = end.join([f"{method} / HTTP/1.1", "Host: example", *lines, "", ""])
    HttpRequestParser(callbacks).feed_data(head.encode())
    return callbacks


def test_every_header_is_reported_and_the_end_of_the_head_once():
    callbacks = parse("POST", ["Content-Length:  3", "X-One: 1"])

    assert callbacks.headers == [(b"Host", b"example"), (b"Content-Length", b"3"), (b"X-One", b"1")]
    assert callbacks.complete == 1


def test_an_offer_to_upgrade_is_raised_at_the_end_of_the_head():
    callbacks = Callbacks()
    head = b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\n"

    with pytest.raises(HttpParserUpgrade) as raised:
        HttpRequestParser(callbacks).feed_data(head + b"body")

    assert callbacks.complete == 1
    assert raised.value.args == (len(head),)


def test_an_unknown_method_has_an_error_of_its_own():
    with pytest.raises(HttpParserInvalidMethodError):
        parse("BREW", [])


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 3", "Content-Length: 3"],
        ["Content-Length: 3, 3"],
        ["Content-Length: +3"],
        ["Content-Length: 0x3"],
        ["Content-Length: "],
        [f"Content-Length: {2**64}"],
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Name : value"],
        ["Name: a\x00b"],
        ["Name: a\nOther: b"],
        ["Name: a\rOther: b"],
        [" folded"],
        ["no colon"],
    ],
    ids=repr,
)
def test_a_malformed_head_is_an_error(lines: list[str]):
    with pytest.raises(HttpParserError):
        parse("POST", lines)


def test_lines_that_end_without_a_carriage_return_are_an_error():
    with pytest.raises(HttpParserError):
        parse("POST", [], end="\n")
