"""A source to an artifact: written beside, held against the model, then put in place in one step."""

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
    description = source.description
    samples.check(source.samples)
    share = max(behaviour.SHARE, tolerance.rtol, tolerance.atol)
    behaviour.check(source.eager, source.samples, batchable=description.batchable, share=share)
    sample = rows(source.samples, range(1))
    expected = source.eager(sample)
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
            batchable=description.batchable,
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
            parity = _gate(draft, source, chosen, tolerance, sample, expected)
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


def _gate(
    folder: Path,
    source: Source,
    formats: Sequence[Format],
    tolerance: Tolerance,
    sample: Arrays,
    expected: Arrays,
) -> Parity:
    sizes = (1, SERVER_BATCH) if source.description.batchable else (1,)
    parity: Parity = {}
    for each in formats:
        run = each.load(folder / each.name)
        parity[each.name] = compare(each.name, source.eager, run, source.samples, tolerance)
        check_start(each.name, run, sample, expected, sizes)
    return parity


def _kept(path: Path, signature: Signature, sample: Arrays, tolerance: Tolerance) -> Parity:
    """Return what the gate said of an artifact's files, once it is sure that they are still those."""
    try:
        report = json.loads((path / REPORT).read_text())
        judged, rule = Tolerance(**report["tolerance"]), report.get("rule")
        intact = (path / FILE).read_text() == signature.to_json() and report["files"] == _hashes(path)
        parity = TypeAdapter(Parity).validate_python(report["formats"])
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        intact, parity, judged, rule = False, {}, tolerance, RULE
    if not intact:
        raise ExportError(f"{path} is damaged: delete it and export again")
    if rule != RULE:
        raise ExportError(f"{path} was held against an older rule: delete it and export again")
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
        "rule": RULE,
        "tolerance": asdict(tolerance),
        "formats": {name: [asdict(each) for each in differences] for name, differences in parity.items()},
        "files": _hashes(path),
        "packages": {package: found for package in PACKAGES if (found := installed(package))},
    }
    return json.dumps(report, indent=1, sort_keys=True) + "\n"
