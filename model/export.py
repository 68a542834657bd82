"""A source to an artifact: written beside, held against the model, then put in place in one step."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from model import artifact
from model.errors import ExportError, UsageError
from model.parity import Difference, Tolerance, compare
from model.samples import rows
from model.signature import FILE, Arrays, Signature, Tensor
from model.source import Format, Say, Source
from model.version import versioned

PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "tensorflow-cpu", "tensorflow", "tf2onnx", "numpy")
"""Those that decide the bytes of an export or its answers."""

REPORT = "parity.json"
SAMPLE = "sample.npz"

Parity = dict[str, tuple[Difference, ...]]
"""By format."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A finished export."""

    path: Path
    signature: Signature
    parity: Parity


def export(
    source: Source, formats: Sequence[str], output: Path, say: Say, tolerance: Tolerance | None = None
) -> Artifact:
    """Write `<output>/<name>/<version>/` and point `<output>/<name>/latest` at it.

    The same source and formats give the same version; one that is there already is checked and left as it is.

    Args:
        source: the model.
        formats: names of formats; none means those that the source is written in by default.
        output: the folder of all artifacts.
        say: is told of each step.
        tolerance: how far an export's answers may lie from the model's.

    Raises:
        ParityError: an export does not answer as the model does.
        ExportError: a format cannot be written. In both cases nothing is left behind.

    """
    tolerance = tolerance or Tolerance()
    chosen = _formats(source, formats)
    sample, expected = _sample(source)
    description = source.description
    signature = versioned(
        Signature(
            name=description.name,
            version="",
            formats=tuple(each.name for each in chosen),
            inputs=tuple(Tensor.like(name, array) for name, array in sample.items()),
            outputs=tuple(Tensor.like(name, array) for name, array in expected.items()),
            labels=description.labels,
            activation=description.activation,
            image=description.image,
        ),
        source.fingerprint,
    )
    path = output / signature.name / signature.version
    if path.exists():
        say(f"version {signature.version} is there already; checking it")
        parity = _kept(path, signature, sample, tolerance)
    else:
        with artifact.new(path) as draft:
            for each in chosen:
                say(f"{each.name}: exporting")
                (draft / each.name).mkdir()
                each.write(draft / each.name)
            parity = _gate(draft, source, chosen, tolerance)
            np.savez(draft / SAMPLE, allow_pickle=False, **sample, **expected)
            if description.photograph:
                (draft / "sample.png").write_bytes(description.photograph)
            (draft / REPORT).write_text(_report(draft, parity, tolerance))
            (draft / FILE).write_text(signature.to_json())
    artifact.point_latest(path)
    return Artifact(path=path, signature=signature, parity=parity)


def _formats(source: Source, names: Sequence[str]) -> tuple[Format, ...]:
    have = [each.name for each in source.formats]
    if unknown := set(names) - set(have):
        raise UsageError(
            f"--format {', '.join(sorted(unknown))}: {source.description.name} can be exported to "
            f"{', '.join(have)}"
        )
    # In the source's own order, so that one set of formats is one version.
    return tuple(each for each in source.formats if (each.name in names if names else each.by_default))


def _sample(source: Source) -> tuple[Arrays, Arrays]:
    """Return a batch of one and its answer, once it is sure that the batch goes through the model."""
    for name, array in source.eager(rows(source.samples, range(2))).items():
        if array.shape[:1] != (2,):
            raise ExportError(
                f"output {name!r} has the shape {list(array.shape)} for a batch of 2: "
                "the first axis of each output must be the batch"
            )
    sample = rows(source.samples, range(1))
    return sample, source.eager(sample)


def _gate(folder: Path, source: Source, formats: Sequence[Format], tolerance: Tolerance) -> Parity:
    return {
        each.name: compare(each.name, source.eager, each.load(folder / each.name), source.samples, tolerance)
        for each in formats
    }


def _kept(path: Path, signature: Signature, sample: Arrays, tolerance: Tolerance) -> Parity:
    """Return what the gate said of an artifact's files, once it is sure that they are still those."""
    try:
        report = json.loads((path / REPORT).read_text())
        judged = Tolerance(**report["tolerance"])
        intact = (path / FILE).read_text() == signature.to_json() and report["files"] == _hashes(path)
        parity = TypeAdapter(Parity).validate_python(report["formats"])
    except (OSError, ValueError, KeyError, TypeError):
        intact, parity, judged = False, {}, tolerance
    if not intact:
        raise ExportError(f"{path} is damaged: delete it and export again")
    if judged != tolerance:
        raise ExportError(f"{path} was held against another tolerance, {judged}: delete it and export again")
    with np.load(path / SAMPLE) as held:
        if not all(np.array_equal(held[name], array) for name, array in sample.items()):
            raise ExportError(f"{path} has another sample: delete it and export again")
    return parity


def _hashes(path: Path) -> dict[str, str]:
    """Return the hash of each file that the gate has seen, by its path in the artifact."""
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in {FILE, REPORT}
    }


def _report(path: Path, parity: Parity, tolerance: Tolerance) -> str:
    def installed(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    report = {
        "tolerance": asdict(tolerance),
        "formats": {name: [asdict(each) for each in differences] for name, differences in parity.items()},
        "files": _hashes(path),
        "packages": {package: found for package in PACKAGES if (found := installed(package))},
    }
    return json.dumps(report, indent=1, sort_keys=True) + "\n"
