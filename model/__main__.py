"""Run the command line: `python -m model export` and `python -m model list`."""

import argparse
import json
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from types import FrameType

from model import artifact, load, options
from model.errors import ExportError, UsageError, quoted
from model.export import Artifact, export
from model.parity import Tolerance
from model.signature import FILE, Tensor

MEGABYTE = 1_000_000
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
"""Exit statuses after a signal, as a shell has them."""

UNEXPECTED = (
    "the command failed with an error that it does not know: {}. No artifact is written. Run it again with "
    "--debug: if the traceback ends in your own code, the fault is there; otherwise report it"
)
FILE_ERROR = (
    "{}. No artifact is written. Give --output a folder that you may write to, with enough free space"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: those of the process by default.

    Returns:
        The exit status: 0, 1 if the model cannot be exported, 130 after Ctrl-C.

    Raises:
        SystemExit: with status 2, if the arguments are wrong; with status 0 after `--help`.

    """
    given = options.parser().parse_args(arguments)
    try:
        if given.command == "list":
            _list(given)
        else:
            _export(given)
    except UsageError as error:
        given.parser.error(str(error))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: no artifact is written\n")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - every failure ends with a message
        if getattr(given, "debug", False):
            traceback.print_exc()
        sys.stderr.write(f"error: {_message(error)}\n")
        return 1
    return 0


def _message(error: Exception) -> str:
    if isinstance(error, ExportError):
        return str(error)
    return (FILE_ERROR if isinstance(error, OSError) else UNEXPECTED).format(quoted(error))


def _export(given: argparse.Namespace) -> None:
    start = time.monotonic()

    def report(line: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - start:5.1f} s] {line}\n")
        sys.stdout.flush()

    options.check(given)
    tolerance = Tolerance(rtol=given.rtol, atol=given.atol)
    source = load.source(given, report)
    done = export(source, given.format, given.output, report, tolerance, keep_examples=not given.no_examples)
    for line in _summary(done, can_open=source.can_open):
        report(line)


def _summary(done: Artifact, *, can_open: bool) -> list[str]:
    """Return lines about the parity, the tensors and the place of an artifact.

    Args:
        done: the artifact.
        can_open: whether `--open-axis` can open more axes of its inputs.

    """
    lines: list[str] = []
    for name, differences in done.parity.items():
        largest = max(difference.max_abs_diff for difference in differences)
        ratio = max(difference.worst_ratio for difference in differences)
        lines.append(
            f"{name} answers as the model does: largest difference {largest:.2g}, "
            f"{ratio:.1%} of the tolerance"
        )
    signature = done.signature
    for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        lines += [f"{kind} {tensor.name}: {tensor.datatype} {list(tensor.shape)}" for tensor in tensors]
    lines += filter(None, (_fixed_axes(tensor, can_open=can_open) for tensor in signature.inputs))
    if not signature.inputs[0].batched:
        lines.append("there is no batch axis: the server computes one request at a time")
    size = artifact.size(done.path) / MEGABYTE
    return [*lines, f"version {signature.version} is in {done.path} ({size:.1f} MB)"]


def _fixed_axes(tensor: Tensor, *, can_open: bool) -> str:
    """Say which axes of an input have a fixed length, and how one of them is opened; "" if none has."""
    fixed = {axis: length for axis, length in enumerate(tensor.shape) if length != -1}
    if not fixed:
        return ""
    opens = "it" if len(fixed) == 1 else f"axis {min(fixed)}"
    advice = f"; --open-axis {tensor.name}:{min(fixed)} opens {opens}"
    axes, lengths = (" and ".join(map(str, numbers)) for numbers in (fixed, fixed.values()))
    plural = ("axes", "are") if len(fixed) > 1 else ("axis", "is")
    return f"{plural[0]} {axes} of {tensor.name} {plural[1]} fixed at {lengths}{advice if can_open else ''}"


def _list(given: argparse.Namespace) -> None:
    for path in artifact.artifacts(given.output):
        try:
            signature = json.loads((path / FILE).read_text())
            name, version, formats = signature["name"], signature["version"], ", ".join(signature["formats"])
        except (ValueError, KeyError, TypeError) as error:
            raise ExportError(f"{path} is damaged ({quoted(error)}): delete it and export again") from error
        sys.stdout.write(f"{name}  {version}  {formats}  {artifact.size(path) / MEGABYTE:.1f} MB\n")


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    """End by an exception, so that the folder of an unfinished artifact is removed."""
    sys.exit(TERMINATED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(main())
