"""Keep real inputs with the answers to them beside an artifact, for parity, calibration and drift later."""

from pathlib import Path

import numpy as np

from model.signature import Arrays
from model.source import Source

ROWS = 256
"""Most samples that are kept, of all lengths together."""

CHUNK = 32
"""Samples that the model computes at once."""


def write(folder: Path, source: Source) -> None:
    """Write `examples.npz`, and for samples of other lengths `examples-2.npz` and so on.

    Each file holds the inputs and outputs by name, with the samples on the first axis. Answers whose shape
    depends on the data are kept if they have the shape of the first one.
    """
    left = ROWS
    for number, samples in enumerate((source.samples, *source.others), 1):
        count = min(left, len(next(iter(samples.values()))))
        left -= count
        if count:
            rows = {name: array[:count] for name, array in samples.items()}
            np.savez(folder / _name(number), allow_pickle=False, **_with_answers(source, rows, count))


def is_one(file: Path) -> bool:
    """Tell whether a file of an artifact holds kept examples."""
    return file.suffix == ".npz" and file.stem.startswith("examples")


def _name(number: int) -> str:
    return "examples.npz" if number == 1 else f"examples-{number}.npz"


def _with_answers(source: Source, rows: Arrays, count: int) -> Arrays:
    step = CHUNK if source.batched and source.description.batchable else 1
    parts = [
        {name: array[start : start + step] for name, array in rows.items()} for start in range(0, count, step)
    ]
    pairs = [(part, source.eager(part)) for part in parts]
    first = {name: array.shape[1:] for name, array in pairs[0][1].items()}
    kept = [
        {**part, **answer}
        for part, answer in pairs
        if {name: array.shape[1:] for name, array in answer.items()} == first
    ]
    return {name: np.concatenate([arrays[name] for arrays in kept]) for name in kept[0]}
