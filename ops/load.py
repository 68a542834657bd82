"""Send requests to a service on this machine, with a fixed number of connections for a fixed time."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from ops.errors import OperationError
from ops.request import Request
from ops.smoke import TIMEOUT_SECONDS

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(kw_only=True)
class Report:
    """The answers and latencies of a load."""

    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter[str])
    """The number of answers by status code, or by "no answer" if the connection broke."""

    latencies: list[float] = field(default_factory=list[float])
    """The latencies of the requests that were answered with 200, in seconds."""

    def __str__(self) -> str:
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(self.answers.items()))
        rate = len(self.latencies) / self.seconds
        line = f"{sum(self.answers.values())} requests in {self.seconds:.1f} s ({codes}), {rate:.1f}/s"
        if self.latencies:
            p50, p95, p99 = np.percentile(self.latencies, [50, 95, 99]) * 1000
            line += f", p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
        return line


async def load(
    url: str, artifact: Path, *, connections: int, seconds: float, key: str | None = None
) -> Report:
    """Send the artifact's sample again and again: each connection sends its next request after an answer.

    Args:
        url: the base URL of the service.
        artifact: the folder of the artifact.
        connections: the number of parallel requests.
        seconds: how long to send.
        key: the API key of the service; None if it needs none.

    Raises:
        OperationError: the service is not on this machine.

    """
    if httpx.URL(url).host not in LOOPBACK:
        raise OperationError(f"{url} is not on this machine: load is sent to 127.0.0.1 only")
    request, report = Request.of(artifact), Report()
    headers = request.headers(key)
    # Each request opens a new connection, as many clients would, so that new pods get requests too.
    limits = httpx.Limits(max_keepalive_connections=0)

    async def worker(client: httpx.AsyncClient) -> None:
        while (now := time.monotonic()) - start < seconds:
            try:
                response = await client.post(
                    f"{url}{request.path}",
                    content=request.body,
                    headers=headers,
                )
            except httpx.HTTPError:
                report.answers["no answer"] += 1
                continue
            report.answers[str(response.status_code)] += 1
            if response.is_success:
                report.latencies.append(time.monotonic() - now)

    async with (
        httpx.AsyncClient(timeout=TIMEOUT_SECONDS, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        # Creating the client takes 0.1 s, which is not part of the load.
        start = time.monotonic()
        for _ in range(connections):
            group.create_task(worker(client))
    report.seconds = time.monotonic() - start
    return report
