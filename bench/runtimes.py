"""`python -m bench.runtimes`: measure Slipway's server with each runtime, on the CPU or on a GPU.

`--device cpu gpu` compares the two with the same loads. It needs a GPU, and the CUDA builds of
app/requirements/*-gpu.txt in place of the builds for the CPU. `--runtime` selects the runtimes.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import machine, models, tools
from bench.clients import Figures
from bench.errors import BenchError
from bench.models import Model
from bench.paths import BUILD, PROJECT, RESULTS
from bench.processes import exit_status
from bench.progress import say
from bench.report import cell, table
from bench.scenarios import FULL, IMAGE, QUICK, Plan
from bench.servers import SLIPWAY
from bench.summary import MEBIBYTE, Spread
from bench.up import Up, refuse_errors, running_server, shown

TITLES = {"onnx": "ONNX Runtime", "torchscript": "TorchScript", "savedmodel": "TensorFlow"}
MODULES = {"onnx": "onnxruntime", "torchscript": "torch", "savedmodel": "tensorflow"}
PACKAGES = ("onnxruntime", "onnxruntime-gpu", "torch", "tensorflow_cpu")
ON_GPU = ("onnx", "torchscript")
CONNECTIONS = {"cpu": (1, 16), "gpu": (1, 16, 64)}
"""The numbers of connections. If a GPU is measured, the CPU gets the same loads."""

IDLE_SECONDS = 1.0

IMAGE_SIZES = PROJECT / "build" / "e2e" / "image_sizes.json"
"""The size of the image without its base by runtime, in bytes, as `make e2e` measured it."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """The server with a runtime, from its start to its end."""

    round: int
    runtime: str
    device: str
    cold_start_seconds: float
    idle_bytes: int
    """Resident memory after it is ready and before its first request."""

    peak_bytes: int
    closed: dict[int, Figures]
    """The results of closed loops with a binary body, by number of connections."""

    cpu_ms: dict[int, float]
    """The server's CPU time for a request, by number of connections. It hardly depends on other load."""


@dataclass(kw_only=True)
class Results:
    """The results of a run."""

    started: str
    machine: dict[str, Any]
    versions: dict[str, str]
    plan: Plan
    image_bytes: dict[str, int] = field(default_factory=dict[str, int])
    lives: list[Life] = field(default_factory=list[Life])
    failures: list[str] = field(default_factory=list[str])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status, which is 1 if anything failed."""
    options = _parser().parse_args(arguments)
    return exit_status(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    missing = [name for name in options.runtime if find_spec(MODULES[name]) is None]
    if missing:
        raise BenchError(
            f"{', '.join(MODULES[name] for name in missing)} is not installed: use --runtime for others"
        )
    formats = [name for name in TITLES if name in options.runtime]
    # In a folder of its own, so that all runtimes serve the same artifact.
    model = models.load(IMAGE, formats, BUILD / "runtimes" / "-".join(formats))
    if options.export_only:
        return 0
    wrk = tools.wrk()
    results = Results(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine.describe(),
        versions=tools.versions(Path(sys.executable), PACKAGES),
        plan=QUICK if options.quick else FULL,
    )
    if IMAGE_SIZES.exists():
        results.image_bytes = json.loads(IMAGE_SIZES.read_text())
    try:
        _measure_all(results, wrk, model, options)
    except KeyboardInterrupt:
        results.failures.append("interrupted before the end of the last round")
        raise
    finally:
        sys.stdout.write(_write(results, options).read_text())
    return 1 if results.failures else 0


def _measure_all(results: Results, wrk: str, model: Model, options: argparse.Namespace) -> None:
    connections = CONNECTIONS["gpu" if "gpu" in options.device else "cpu"]
    devices: list[str] = options.device
    if "gpu" in devices and results.machine["gpu"] == machine.NO_GPU:
        results.failures.append("nvidia-smi finds no GPU on this machine, so nothing was measured on a GPU")
        devices = [device for device in devices if device != "gpu"]
    for number in range(1, results.plan.rounds + 1):
        for runtime in options.runtime:
            for device in devices:
                if device == "cpu" or runtime in ON_GPU:
                    _measure(results, wrk, model, (number, runtime, device), connections)


def _write(results: Results, options: argparse.Namespace) -> Path:
    """Write the figures and the table, and return the path of the table."""
    whole = not options.quick and options.runtime == list(TITLES)
    folder: Path = options.output or (RESULTS if whole else BUILD / "results")
    folder.mkdir(parents=True, exist_ok=True)
    name = "devices" if "gpu" in options.device else "runtimes"
    (folder / f"{name}.json").write_text(json.dumps(asdict(results), indent=1) + "\n")
    table_path = folder / f"{name}.md"
    table_path.write_text("\n".join(markdown(results)) + "\n")
    return table_path


def _measure(
    results: Results, wrk: str, model: Model, which: tuple[int, str, str], connections: Sequence[int]
) -> None:
    number, runtime, device = which
    say(f"→ round {number}: {runtime} on the {device}")
    env = {"SLIPWAY_RUNTIME": runtime, "SLIPWAY_DEVICE": device}
    request = SLIPWAY.requests["raw"](model)
    try:
        with running_server(SLIPWAY, model, Path(sys.executable), env) as up:
            time.sleep(IDLE_SECONDS)
            idle = up.running.resident_bytes()
            up.check(request)
            up.closed_loop(wrk, request, max(connections), results.plan.warm_up)
            closed: dict[int, Figures] = {}
            cpu_ms: dict[int, float] = {}
            for count in connections:
                before = _cpu_seconds(up)
                closed[count] = up.closed_loop(wrk, request, count, results.plan.seconds)
                cpu_ms[count] = 1000 * (_cpu_seconds(up) - before) / closed[count].requests
            up.check(request)
            up.running.resident_bytes()
        for count, figures in closed.items():
            say(f"  {count} connections: {shown(figures)}")
            refuse_errors(figures)
    except BenchError as error:
        say(f"✗ {error}")
        results.failures.append(f"round {number}, {runtime} on the {device}: {error}")
        return
    results.lives.append(
        Life(
            round=number,
            runtime=runtime,
            device=device,
            cold_start_seconds=up.running.cold_start_seconds,
            idle_bytes=idle,
            peak_bytes=up.running.peak_bytes,
            closed=closed,
            cpu_ms=cpu_ms,
        )
    )


def _cpu_seconds(up: Up) -> float:
    times = (process.cpu_times() for process in up.running.family.members())
    return sum(time.user + time.system for time in times)


def markdown(results: Results) -> Iterator[str]:
    """Yield the lines of the table. A cell has the median of the rounds, and their range in brackets."""
    here, plan = results.machine, results.plan
    yield "# Runtimes"
    yield ""
    yield (
        f"EfficientNet-Lite0, a binary body, one server at a time. {here['cores']} cores of "
        f"{here['processor']}, {here['memory_gib']} GiB, {here['gpu']}, Python {here['python']}; servers and "
        f"clients share the cores. {plan.rounds} rounds, {plan.seconds} s for each load after "
        f"{plan.warm_up} s of warm-up. A cell has the median of the rounds, and their range in brackets. "
        f"Started {results.started}. Load average before: {here['load_average_before']}. "
        f"{', '.join(f'{name} {version}' for name, version in results.versions.items())}."
    )
    if results.failures:
        yield from ("", "**Some runs failed:**", "")
        yield from (f"- {failure.splitlines()[0]}" for failure in results.failures)
    yield ""
    loads = sorted({count for life in results.lives for count in life.closed})
    head = ["runtime", "device", "image without its base, MB", "cold start, s"]
    head += ["idle memory, MiB", "peak memory, MiB"]
    for count in loads:
        load = f"{count} connection{'s'[: count > 1]}"
        head += [f"{load}: requests per second", f"{load}: p50 / p99, ms", f"{load}: CPU, ms per request"]
    yield from table(head, (_row(which, lives, results) for which, lives in _grouped(results.lives).items()))


def _grouped(lives: Sequence[Life]) -> Mapping[tuple[str, str], list[Life]]:
    grouped: dict[tuple[str, str], list[Life]] = {}
    for life in lives:
        grouped.setdefault((life.runtime, life.device), []).append(life)
    return grouped


def _row(which: tuple[str, str], lives: Sequence[Life], results: Results) -> Iterator[str]:
    runtime, device = which
    size = results.image_bytes.get(runtime) if device == "cpu" else None
    yield TITLES[runtime]
    yield device
    yield f"{size / 1e6:,.0f}" if size else "not measured"
    yield cell(Spread.of(life.cold_start_seconds for life in lives), 2)
    yield cell(Spread.of(life.idle_bytes / MEBIBYTE for life in lives), 0)
    yield cell(Spread.of(life.peak_bytes / MEBIBYTE for life in lives), 0)
    for count in lives[0].closed:
        figures = [life.closed[count] for life in lives]
        yield cell(Spread.of(figure.per_second for figure in figures), 0)
        p50, p99 = (Spread.of(ms).median for ms in zip(*((f.p50_ms, f.p99_ms) for f in figures), strict=True))
        yield f"{p50:.1f} / {p99:.1f}"
        yield cell(Spread.of(life.cpu_ms[count] for life in lives), 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.runtimes", description=__doc__)
    add = parser.add_argument
    add(
        "--device",
        nargs="+",
        choices=("cpu", "gpu"),
        default=["cpu"],
        help="the devices to measure",
    )
    add(
        "--runtime",
        nargs="+",
        choices=TITLES,
        default=list(TITLES),
        help=f"the runtimes to measure: {', '.join(TITLES)}",
    )
    add("--quick", action="store_true", help="a single round with short loads, as a check")
    add("--export-only", action="store_true", help="only export the model")
    add(
        "--output",
        type=Path,
        help="the folder for the results (bench/results for all runtimes, else build/bench/results)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
