"""Send requests: a single request, a closed loop with wrk, or an open loop with vegeta.

All send the same body to 127.0.0.1 for a fixed time.
"""

import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bench.commands import output_of
from bench.errors import BenchError
from bench.paths import HERE
from bench.processes import HOST

SCRIPT = HERE / "wrk.lua"
TIMEOUT_SECONDS = 30
GRACE_SECONDS = 60
"""How much longer than its duration a client may take."""

MOST_PER_CORE = 1500
"""The most requests per second that the open loop sends, for each core of the machine. vegeta needs up to
0.25 ms of a core for a request and shares the cores with the server. At higher rates it would measure itself.
"""

MAX_WORKERS = 1000
"""The most requests that the open loop has in flight, which is more than any server here can handle."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request, which is sent unchanged every time."""

    path: str
    content_type: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The results of a load."""

    seconds: float
    requests: int
    per_second: float
    """Requests answered with 200 per second."""

    p50_ms: float
    p99_ms: float
    errors: int
    """Connections that failed, requests that timed out, and answers other than 200."""

    faults: str = ""
    """A description of the errors, if there are any and the client gives it."""


def ask(port: int, request: Request) -> bytes:
    """Send one request and return the body of the answer.

    Raises:
        BenchError: the answer is not 200.

    """
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", request.path, request.body, {"content-type": request.content_type})
        answer = connection.getresponse()
        body = answer.read()
    except OSError as error:
        raise BenchError(f"no answer from {request.path}: {error}") from None
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise BenchError(f"{request.path} answers {answer.status}: {body[:200].decode(errors='replace')}")
    return body


def closed_loop(
    wrk: str, port: int, request: Request, folder: Path, *, connections: int, seconds: float
) -> Figures:
    """Send a load with wrk: each connection sends its next request when it has the answer to the last.

    A single thread of wrk is enough for the fastest server here, and leaves the cores to the servers. Its
    percentiles are corrected for coordinated omission.

    Args:
        wrk: the command of wrk.
        port: the port of the server on 127.0.0.1.
        request: the request to send.
        folder: a folder for temporary files.
        connections: the number of connections.
        seconds: how long to send.

    Raises:
        BenchError: wrk failed.

    """
    body = folder / "body"
    body.write_bytes(request.body)
    env = {**os.environ, "BENCH_BODY": str(body), "BENCH_CONTENT_TYPE": request.content_type}
    options = [f"--connections={connections}", f"--duration={seconds:.0f}s", f"--timeout={TIMEOUT_SECONDS}s"]
    url = f"http://{HOST}:{port}{request.path}"
    command = [wrk, "--threads=1", *options, "--script", SCRIPT, url]
    output = output_of(command, env=env, timeout_seconds=seconds + GRACE_SECONDS)
    counted = cast(dict[str, Any], json.loads(output.splitlines()[-1]))
    return Figures(**counted, per_second=(counted["requests"] - counted["errors"]) / counted["seconds"])


def open_loop(
    vegeta: Path, port: int, request: Request, folder: Path, *, rate: int, seconds: float
) -> Figures:
    """Send a load with vegeta at a fixed rate, no matter how long the answers take.

    Args:
        vegeta: the path of vegeta.
        port: the port of the server on 127.0.0.1.
        request: the request to send.
        folder: a folder for temporary files.
        rate: requests per second.
        seconds: how long to send.

    Raises:
        BenchError: vegeta failed.

    """
    body, targets, results = folder / "body", folder / "targets", folder / "results"
    body.write_bytes(request.body)
    url = f"http://{HOST}:{port}{request.path}"
    targets.write_text(f"POST {url}\nContent-Type: {request.content_type}\n@{body}\n")
    options = [f"-rate={rate}/1s", f"-duration={seconds:.0f}s", f"-timeout={TIMEOUT_SECONDS}s"]
    bounds = [f"-max-workers={MAX_WORKERS}", "-max-body=0"]
    attack = [vegeta, "attack", f"-targets={targets}", f"-output={results}", *options, *bounds]
    output_of(attack, timeout_seconds=seconds + GRACE_SECONDS)
    summary = output_of([vegeta, "report", "-type=json", str(results)], timeout_seconds=GRACE_SECONDS)
    report = cast(dict[str, Any], json.loads(summary))
    answered = cast(dict[str, int], report["status_codes"]).get("200", 0)
    faults = {**report["status_codes"], "200": 0}
    latencies = cast(dict[str, int], report["latencies"])
    return Figures(
        seconds=(report["duration"] + report["wait"]) / 1e9,
        requests=report["requests"],
        per_second=report["throughput"],
        p50_ms=latencies["50th"] / 1e6,
        p99_ms=latencies["99th"] / 1e6,
        errors=report["requests"] - answered,
        faults=", ".join(f"{count} of status {code}" for code, count in faults.items() if count),
    )
