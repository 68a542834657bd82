"""Export a source to an artifact: write it, compare it with the model, and move it into place."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from model import artifact, behaviour, samples
from model.errors import ExportError, UsageError
from model.parity import RULE, SERVER_BATCH, Difference, Tolerance, check_start, compare
from model.samples import take
from model.signature import FILE, Arrays, Signature, Tensor
from model.source import Format, Report, Source
from model.version import versioned

PACKAGES = (
    "catboost",
    "lightgbm",
    "numpy",
    "onnx",
    "onnxmltools",
    "onnxruntime",
    "onnxscript",
    "scikit-learn",
    "skl2onnx",
    "tensorflow",
    "tensorflow-cpu",
    "tf2onnx",
    "torch",
    "transformers",
    "xgboost",
    "xgboost-cpu",
)
"""Packages whose versions decide the bytes of an export or its answers."""

REPORT = "parity.json"
SAMPLE = "sample.npz"

Parity = dict[str, tuple[Difference, ...]]
"""The differences of each format."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A finished export."""

    path: Path
    signature: Signature
    parity: Parity


def export(
    source: Source, formats: Sequence[str], output: Path, report: Report, tolerance: Tolerance | None = None
) -> Artifact:
    """Write `<output>/<name>/<version>/` and point `<output>/<name>/latest` at it.

    The same source and formats give the same version. A version that exists is checked and left as it is.

    Args:
        source: the model.
        formats: names of formats; if empty, the source's default formats.
        output: the folder of all artifacts.
        report: is called with a line for each step.
        tolerance: how far an export's answers may differ from the model's.

    Raises:
        ParityError: an export does not answer as the model does.
        ExportError: the model cannot be served, or a format cannot be written. Then no artifact is left.
        UsageError: the model has no such format.

    """
    tolerance = tolerance or Tolerance()
    chosen = _formats(source, formats)
    description = source.description
    samples.check(source.samples)
    allowed = max(behaviour.RELATIVE_DIFFERENCE, tolerance.rtol, tolerance.atol)
    behaviour.check(source.eager, source.samples, batchable=description.batchable, allowed=allowed)
    sample = take(source.samples, range(1))
    expected = source.eager(sample)
    signature = versioned(
        Signature(
            name=description.name,
            version="",
            formats=tuple(format_.name for format_ in chosen),
            inputs=tuple(Tensor.from_array(name, array) for name, array in sample.items()),
            outputs=tuple(Tensor.from_array(name, array) for name, array in expected.items()),
            labels=description.labels,
            activation=description.activation,
            image=description.image,
            batchable=description.batchable,
        ),
        source.fingerprint,
    )
    if description.activation:
        scores = source.eager(take(source.samples, range(behaviour.SAMPLES)))
        behaviour.check_logits(scores[signature.outputs[0].name])
    path = output / signature.name / signature.version
    if path.exists():
        report(f"version {signature.version} exists already; checking it")
        parity = _existing_parity(path, signature, sample, tolerance)
    else:
        with artifact.new(path) as draft:
            for format_ in chosen:
                report(f"{format_.name}: exporting")
                (draft / format_.name).mkdir()
                format_.write(draft / format_.name)
            parity = _parity(draft, source, chosen, tolerance, sample, expected)
            np.savez(draft / SAMPLE, allow_pickle=False, **sample, **expected)
            if description.photograph:
                (draft / "sample.png").write_bytes(description.photograph)
            (draft / REPORT).write_text(_parity_report(draft, parity, tolerance))
            (draft / FILE).write_text(signature.to_json())
    artifact.point_latest(path)
    return Artifact(path=path, signature=signature, parity=parity)


def _formats(source: Source, names: Sequence[str]) -> tuple[Format, ...]:
    available = [format_.name for format_ in source.formats]
    if unknown := set(names) - set(available):
        raise UsageError(
            f"--format {', '.join(sorted(unknown))}: {source.description.name} can be exported to "
            f"{', '.join(available)}"
        )
    # In the source's order, so that a set of formats gives one version.
    return tuple(
        format_ for format_ in source.formats if (format_.name in names if names else format_.by_default)
    )


def _parity(
    folder: Path,
    source: Source,
    formats: Sequence[Format],
    tolerance: Tolerance,
    sample: Arrays,
    expected: Arrays,
) -> Parity:
    """Compare the written formats with the model, and return the differences."""
    sizes = (1, SERVER_BATCH) if source.description.batchable else (1,)
    parity: Parity = {}
    for format_ in formats:
        run = format_.load(folder / format_.name)
        parity[format_.name] = compare(
            format_.name, source.eager, run, source.samples, tolerance, compares_all=source.compares_all
        )
        check_start(format_.name, run, sample, expected, sizes)
    return parity


def _existing_parity(path: Path, signature: Signature, sample: Arrays, tolerance: Tolerance) -> Parity:
    """Return the differences in the report of an existing artifact, if its files are unchanged."""
    try:
        report = json.loads((path / REPORT).read_text())
        used, rule = Tolerance(**report["tolerance"]), report.get("rule")
        intact = (path / FILE).read_text() == signature.to_json() and report["files"] == _hashes(path)
        parity = TypeAdapter(Parity).validate_python(report["formats"])
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        intact, parity, used, rule = False, {}, tolerance, RULE
    if not intact:
        raise ExportError(f"{path} is damaged: delete it and export again")
    if rule != RULE:
        raise ExportError(f"{path} was compared by an older rule: delete it and export again")
    if used != tolerance:
        raise ExportError(f"{path} was compared with another tolerance, {used}: delete it and export again")
    with np.load(path / SAMPLE) as kept:
        if not all(
            np.array_equal(kept[name], array, equal_nan=array.dtype.kind == "f")
            for name, array in sample.items()
        ):
            raise ExportError(f"{path} has another sample: delete it and export again")
    return parity


def _hashes(path: Path) -> dict[str, str]:
    """Return the SHA-256 hash of each file that was compared, by its path in the artifact."""
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in {FILE, REPORT}
    }


def _parity_report(path: Path, parity: Parity, tolerance: Tolerance) -> str:
    def installed(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    report = {
        "rule": RULE,
        "tolerance": asdict(tolerance),
        "formats": {
            name: [asdict(difference) for difference in differences] for name, differences in parity.items()
        },
        "files": _hashes(path),
        "packages": {package: found for package in PACKAGES if (found := installed(package))},
    }
    return json.dumps(report, indent=1, sort_keys=True) + "\n"
