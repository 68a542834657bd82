"""Check a model before its export, and each export against the model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from model import behaviour
from model.errors import ExportError, ParityError
from model.parity import BATCH_SIZES, SERVER_BATCH, Difference, Tolerance, check_start, compare, compare_given
from model.samples import take
from model.signature import Arrays
from model.source import Format, Report, Source

Parity = dict[str, tuple[Difference, ...]]
"""The differences of each format."""

ONE_BY_ONE = (1, 1, 1)
"""Batch sizes of a model without a batch axis."""


def check_model(source: Source, tolerance: Tolerance, report: Report) -> None:
    """Check that a model can be served, and answers as its framework did.

    Raises:
        ExportError: it cannot be served.
        ParityError: its answers are not those of `source.expected`.

    """
    allowed = max(behaviour.RELATIVE_DIFFERENCE, tolerance.rtol, tolerance.atol)
    if source.batched:
        behaviour.check(source.eager, source.samples, batchable=source.description.batchable, allowed=allowed)
    else:
        behaviour.check_one_by_one(source.eager, source.samples, allowed=allowed)
    for samples, expected in zip((source.samples, *source.others), source.expected, strict=False):
        compare_given(source.eager, samples, expected, tolerance, batched=source.batched)
    if source.expected:
        report("the model answers as its framework did")
    _report_reference(source, tolerance, report)


def _report_reference(source: Source, tolerance: Tolerance, report: Report) -> None:
    """Say whether another implementation gives the same answer.

    It decides nothing, because it may be the one that is wrong: onnx's evaluator computes other answers than
    ONNX Runtime from files that PaddlePaddle wrote. `--expected` decides.
    """
    if source.reference is None:
        return
    sample = take(source.samples, range(1))
    answer = source.eager(sample)
    name = "onnx's reference evaluator"
    try:
        expected = source.reference(sample)
    except ExportError as error:
        report(f"{name} was not asked: {error}")
        return
    try:
        wanted = {output: expected[output] for output in answer}
        compare_given(source.eager, sample, wanted, tolerance, batched=source.batched)
    except ParityError:
        decided = "" if source.expected else "; --expected FILE with the framework's own answers decides"
        report(f"{name} computes another answer than ONNX Runtime{decided}")
    else:
        report(f"{name} gives the same answer")


def parity(
    folder: Path,
    source: Source,
    formats: Sequence[Format],
    groups: Sequence[Arrays],
    tolerance: Tolerance,
) -> Parity:
    """Compare the written formats with the model, and return the differences.

    Args:
        folder: holds a folder for each format.
        source: the model.
        formats: those that were written.
        groups: samples; those of each group have the same lengths.
        tolerance: how far the answers may differ.

    Raises:
        ParityError: an export does not answer as the model does.

    """
    server_sizes = (1, SERVER_BATCH) if source.batched and source.description.batchable else (1,)
    sample = take(source.samples, range(1))
    expected = source.eager(sample)
    found: Parity = {}
    for format_ in formats:
        run = format_.load(folder / format_.name)
        found[format_.name] = tuple(
            difference
            for samples in groups
            for difference in compare(
                format_.name, source.eager, run, samples, tolerance, _sizes(source, samples)
            )
        )
        check_start(format_.name, run, sample, expected, server_sizes)
    return found


def _sizes(source: Source, samples: Arrays) -> tuple[int, ...]:
    """Return the sizes of the batches in which a group of samples is compared."""
    if not source.batched:
        return ONE_BY_ONE
    left = len(next(iter(samples.values()))) - sum(BATCH_SIZES)
    return (*BATCH_SIZES, left) if source.compares_all and left > 0 else BATCH_SIZES


def open_outputs(source: Source, groups: Sequence[Arrays]) -> Mapping[str, tuple[int, ...]]:
    """Return the axes of the outputs that may have any length: by the source, and as the answers show it.

    Raises:
        ExportError: an output has another number of axes for inputs of other lengths.

    """
    answers = [source.eager(take(samples, range(1))) for samples in groups]
    axes: dict[str, tuple[int, ...]] = {}
    for name, array in answers[0].items():
        shapes = [answer[name].shape for answer in answers]
        if len(set(map(len, shapes))) > 1:
            raise ExportError(
                f"output {name!r} has the shapes {', '.join(str(list(shape)) for shape in shapes)} for "
                "inputs of different lengths: it must always have the same number of axes"
            )
        differing = [axis for axis in range(1, array.ndim) if len({shape[axis] for shape in shapes}) > 1]
        axes[name] = tuple(sorted({*source.open_axes.get(name, ()), *differing}))
    return axes
