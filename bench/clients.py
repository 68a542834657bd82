"""The clients: one request that is looked at, a closed loop with wrk, an open loop with vegeta.

All send to 127.0.0.1 alone, the same body over and over, for a time that is given.
"""

import http.client
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bench.errors import BenchError
from bench.paths import HERE
from bench.processes import HOST

SCRIPT = HERE / "wrk.lua"
TIMEOUT_SECONDS = 30
GRACE_SECONDS = 60
"""How much longer than its duration a client may take."""

MOST_PER_CORE = 1500
"""Requests a second that the open loop sends at most, by the machine's cores. vegeta takes up to 0.25 ms of a
core for one: beyond this it would measure itself, for it shares the cores with the server."""

MAX_WORKERS = 1000
"""Requests that the open loop has in flight at most: beyond what any server here keeps up with."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent, always the same."""

    path: str
    content_type: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a run came to."""

    seconds: float
    requests: int
    per_second: float
    """Requests answered a second."""

    p50_ms: float
    p99_ms: float
    errors: int
    """Connections that failed, requests that timed out, and answers other than 200."""

    faults: str = ""
    """What the errors were, where there are any and the client tells."""


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
    """Keep a number of connections busy: each sends its next request when it has its answer.

    One thread of wrk is enough for the fastest server here, and leaves the cores to the servers. Its
    percentiles are corrected for coordinated omission.

    Raises:
        BenchError: wrk failed.

    """
    body = folder / "body"
    body.write_bytes(request.body)
    env = {**os.environ, "BENCH_BODY": str(body), "BENCH_CONTENT_TYPE": request.content_type}
    options = [f"--connections={connections}", f"--duration={seconds:.0f}s", f"--timeout={TIMEOUT_SECONDS}s"]
    url = f"http://{HOST}:{port}{request.path}"
    said = _run([wrk, "--threads=1", *options, "--script", SCRIPT, url], seconds, env)
    counted = cast(dict[str, Any], json.loads(said.splitlines()[-1]))
    return Figures(**counted, per_second=(counted["requests"] - counted["errors"]) / counted["seconds"])


def open_loop(
    vegeta: Path, port: int, request: Request, folder: Path, *, rate: int, seconds: float
) -> Figures:
    """Send at a fixed rate, however long the answers take.

    Raises:
        BenchError: vegeta failed.

    """
    body, targets, results = folder / "body", folder / "targets", folder / "results"
    body.write_bytes(request.body)
    url = f"http://{HOST}:{port}{request.path}"
    targets.write_text(f"POST {url}\nContent-Type: {request.content_type}\n@{body}\n")
    options = [f"-rate={rate}/1s", f"-duration={seconds:.0f}s", f"-timeout={TIMEOUT_SECONDS}s"]
    bounds = [f"-max-workers={MAX_WORKERS}", "-max-body=0"]
    _run([vegeta, "attack", f"-targets={targets}", f"-output={results}", *options, *bounds], seconds)
    report = cast(dict[str, Any], json.loads(_run([vegeta, "report", "-type=json", str(results)], seconds)))
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


def _run(command: Sequence[str | Path], seconds: float, env: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=False, timeout=seconds + GRACE_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{command[0]} did not end") from None
    if done.returncode != 0:
        raise BenchError(f"{command[0]} exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout
