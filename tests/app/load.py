"""A bounded load on a server of 127.0.0.1, from one event loop, cheap enough to be more than it can take."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

LOST = 0
"""Stands for the code of a request that was sent whole and got no answer."""


@dataclass
class Report:
    """What became of the requests."""

    seconds: float = 0.0
    codes: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    """Seconds, of those answered with 200."""

    @property
    def goodput(self) -> float:
        return self.codes[200] / self.seconds

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.latencies, percent))


class Connection:
    """A connection that is made anew when the server closes it."""

    def __init__(self, port: int, body: bytes, content_type: str) -> None:
        self._port = port
        self._content_type = content_type
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.body = body

    async def send(self) -> int:
        """Send one request; return its code. Raises ConnectionRefusedError where nobody listens."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            writer.write(
                b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
                % (self._content_type.encode(), len(self.body), self.body)
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            return LOST
        if b"connection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def closed_loop(
    port: int,
    body: bytes,
    *,
    connections: int,
    seconds: float,
    content_type: str = "application/json",
    stop: asyncio.Event | None = None,
    report: Report | None = None,
) -> Report:
    """Send on each connection as soon as the last answer is there. `report` is filled while that goes on."""
    report = report or Report()
    start = time.perf_counter()

    async def worker() -> None:
        connection = Connection(port, body, content_type)
        while time.perf_counter() - start < seconds and not (stop and stop.is_set()):
            began = time.perf_counter()
            try:
                code = await connection.send()
            except (ConnectionRefusedError, ConnectionResetError):
                break
            report.codes[code] += 1
            if code == 200:
                report.latencies.append(time.perf_counter() - began)
        connection.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    report.seconds = time.perf_counter() - start
    return report


async def open_loop(port: int, body: bytes, *, rate: float, seconds: float) -> Report:
    """Send at a rate, whatever comes back."""
    report = Report()
    idle: list[Connection] = []
    start = time.perf_counter()

    async def one() -> None:
        connection = idle.pop() if idle else Connection(port, body, "application/json")
        began = time.perf_counter()
        code = await connection.send()
        report.codes[code] += 1
        if code == 200:
            report.latencies.append(time.perf_counter() - began)
        idle.append(connection)

    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            wait = start + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.create_task(one())
        report.seconds = time.perf_counter() - start
    for connection in idle:
        connection.close()
    return report
