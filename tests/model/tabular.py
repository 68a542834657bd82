"""What the tests of tabular models share: rows, and an export that answers from the written file."""

from pathlib import Path

import numpy as np

from model.export import export
from model.formats import onnx
from model.signature import Arrays
from model.source import Description
from model.sources.kind import Given
from tests.model.conftest import silent


def given(model, examples, report=silent, **options) -> Given:
    """What a command line would say of a model."""
    return Given(
        model=model,
        description=Description(name="mine"),
        examples=() if examples is None else (examples,),
        outputs=None,
        report=report,
        options={"run_code_in_file": False, **options},
    )


def exported(source, folder: Path) -> Arrays:
    """What the exported file answers to all samples of a source."""
    artifact = export(source, [], folder, silent)
    return onnx.load(artifact.path / "onnx")(source.samples)


def columns(rows: int = 60) -> Arrays:
    """A table with numbers, a missing number, whole numbers, truth values and words."""
    random = np.random.default_rng(0)
    fare = random.lognormal(2, 1, rows)
    fare[::7] = np.nan
    return {
        "age": random.integers(18, 80, rows),
        "fare": fare,
        "city": random.choice(["Paris", "Köln", "São Paulo"], rows).astype(np.object_),
        "member": random.random(rows) < 0.5,
    }
