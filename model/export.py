"""Export a source to an artifact: write it, compare it with the model, and move it into place."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from model import artifact, behaviour, kept_examples, lengths, samples
from model.checks import Parity, check_model, open_outputs, parity
from model.errors import ExportError, UsageError
from model.parity import RULE, Tolerance
from model.samples import take
from model.signature import FILE, Arrays, Signature, Tensor
from model.source import Format, Report, Source
from model.version import sha256, versioned

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


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A finished export."""

    path: Path
    signature: Signature
    parity: Parity


def export(
    source: Source,
    formats: Sequence[str],
    output: Path,
    report: Report,
    tolerance: Tolerance | None = None,
    *,
    keep_examples: bool = True,
) -> Artifact:
    """Write `<output>/<name>/<version>/` and point `<output>/<name>/latest` at it.

    The same source and formats give the same version. A version that exists is checked and left as it is.

    Args:
        source: the model.
        formats: names of formats; if empty, the source's default formats.
        output: the folder of all artifacts.
        report: is called with a line for each step.
        tolerance: how far an export's answers may differ from the model's.
        keep_examples: whether the real inputs and their answers are kept beside the artifact.

    Raises:
        ParityError: an export does not answer as the model does.
        ExportError: the model cannot be served, or a format cannot be written. Then no artifact is left.
        UsageError: the model has no such format.

    """
    tolerance = tolerance or Tolerance()
    chosen = _formats(source, formats)
    description = source.description
    steps = description.steps
    samples.check(source.samples)
    check_model(source, tolerance, report)
    groups = lengths.groups(source, report)
    sample = take(source.samples, range(1))
    expected = source.eager(sample)
    signature = versioned(_signature(source, groups, sample, expected, chosen), source.fingerprint)
    if description.activation:
        scores = source.eager(take(source.samples, range(behaviour.SAMPLES if source.batched else 1)))
        behaviour.check_logits(scores[signature.outputs[0].name])
    path = output / signature.name / signature.version
    if path.exists():
        report(f"version {signature.version} exists already; checking it")
        differences = _existing_parity(path, signature, sample, tolerance)
        if steps:
            steps.check_kept(path, signature, source.eager, source.samples)
    else:
        with artifact.new(path) as draft:
            for format_ in chosen:
                report(f"{format_.name}: exporting")
                (draft / format_.name).mkdir()
                format_.write(draft / format_.name)
            differences = parity(draft, source, chosen, groups, tolerance)
            _save_sample(draft, source, sample, expected)
            if keep_examples and not source.is_noise:
                kept_examples.write(draft, source)
            if description.photograph:
                (draft / "sample.png").write_bytes(description.photograph)
            if steps:
                steps.write(draft, signature, source.eager, source.samples)
            (draft / REPORT).write_text(_parity_report(draft, differences, tolerance))
            (draft / FILE).write_text(signature.to_json())
    artifact.point_latest(path)
    return Artifact(path=path, signature=signature, parity=differences)


def _signature(
    source: Source, groups: Sequence[Arrays], sample: Arrays, expected: Arrays, formats: Sequence[Format]
) -> Signature:
    """Describe a source by a sample and its answer; the version is empty."""
    open_axes = {**source.open_axes, **open_outputs(source, groups)}

    def tensors(arrays: Arrays) -> tuple[Tensor, ...]:
        return tuple(
            Tensor.from_array(name, array, open_axes=open_axes.get(name, ()), batched=source.batched)
            for name, array in arrays.items()
        )

    description = source.description
    return Signature(
        name=description.name,
        version="",
        formats=tuple(format_.name for format_ in formats),
        inputs=tensors(sample),
        outputs=tensors(expected),
        labels=description.labels,
        activation=description.activation,
        image=description.image,
        batchable=description.batchable and source.batched,
        steps=description.steps.description if description.steps else None,
    )


def _save_sample(folder: Path, source: Source, sample: Arrays, expected: Arrays) -> None:
    """Write the first sample with its answer, in the shapes in which a client sends and gets them."""
    arrays = {**sample, **expected}
    if not source.batched:
        arrays = {name: array.reshape(array.shape[1:]) for name, array in arrays.items()}
    np.savez(folder / SAMPLE, allow_pickle=False, **arrays)


def _formats(source: Source, names: Sequence[str]) -> tuple[Format, ...]:
    available = [format_.name for format_ in source.formats]
    if unknown := set(names) - set(available):
        raise UsageError(
            f"--format {', '.join(sorted(unknown))}: {source.description.name} can be exported to "
            f"{', '.join(available)}"
        )
    # In the source's order, so that a set of formats gives one version.
    wanted = names or [format_.name for format_ in source.formats if format_.by_default] or available[:1]
    return tuple(format_ for format_ in source.formats if format_.name in wanted)


def _existing_parity(path: Path, signature: Signature, sample: Arrays, tolerance: Tolerance) -> Parity:
    """Return the differences in the report of an existing artifact, if its files are unchanged."""
    try:
        report = json.loads((path / REPORT).read_text())
        used, rule = Tolerance(**report["tolerance"]), report.get("rule")
        intact = (path / FILE).read_text() == signature.to_json() and report["files"] == _hashes(path)
        differences = TypeAdapter(Parity).validate_python(report["formats"])
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        intact, differences, used, rule = False, {}, tolerance, RULE
    if not intact:
        raise ExportError(f"{path} is damaged: delete it and export again")
    if rule != RULE:
        raise ExportError(f"{path} was compared by an older rule: delete it and export again")
    if used != tolerance:
        raise ExportError(f"{path} was compared with another tolerance, {used}: delete it and export again")
    with np.load(path / SAMPLE) as kept:
        if not all(
            np.array_equal(kept[name].ravel(), array.ravel(), equal_nan=array.dtype.kind == "f")
            for name, array in sample.items()
        ):
            raise ExportError(f"{path} has another sample: delete it and export again")
    return differences


def _hashes(path: Path) -> dict[str, str]:
    """Return the SHA-256 hash of each file that was compared, by its path in the artifact."""
    return {
        str(file.relative_to(path)): sha256(file)
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in {FILE, REPORT} and not kept_examples.is_one(file)
    }


def _parity_report(path: Path, found: Parity, tolerance: Tolerance) -> str:
    def installed(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    report = {
        "rule": RULE,
        "tolerance": asdict(tolerance),
        "formats": {
            name: [asdict(difference) for difference in differences] for name, differences in found.items()
        },
        "files": _hashes(path),
        "packages": {package: known for package in PACKAGES if (known := installed(package))},
    }
    return json.dumps(report, indent=1, sort_keys=True) + "\n"
