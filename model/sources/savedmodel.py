"""Make a source of a TensorFlow SavedModel."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import ExportError
from model.formats import onnx, savedmodel
from model.signature import DATATYPES
from model.source import Format, Source, one_by_one
from model.sources import declared
from model.sources.declared import Declared
from model.sources.kind import Given
from model.version import fingerprint


def load(given: Given) -> Source:
    """Make a source of a SavedModel's folder, by the signature that `--signature-name` names.

    Raises:
        ExportError: the SavedModel cannot be loaded or served, or the samples do not fit it.

    """
    given.report(f"loading {given.model}")
    return savedmodel_source(given, given.options["signature_name"] or savedmodel.SIGNATURE)


def savedmodel_source(given: Given, signature: str = savedmodel.SIGNATURE) -> Source:
    """Make a source of a SavedModel's signature. The axes that it leaves open stay open.

    Args:
        given: the command line; the model is the folder. The outputs are all by default, sorted by name.
        signature: the name of the signature.

    Raises:
        ExportError: the SavedModel cannot be loaded or served, or the samples do not fit it.

    """
    folder: Path = given.model
    function = savedmodel.serving(folder, signature)
    specs = function.structured_input_signature[1]
    _check_data_types({**specs, **function.structured_outputs})
    # Sorted, because a SavedModel does not keep the order of its tensors.
    inputs = {name: _declared("input", name, spec) for name, spec in sorted(specs.items())}
    names = _output_names(given.outputs, sorted(function.structured_outputs))
    batched = all(spec.shape[:1] == (None,) for spec in inputs.values()) and not given.options.get(
        "no_batch_axis", False
    )
    groups = declared.examples(given, inputs, batched=batched)
    run = savedmodel.load(folder, outputs=names, signature=signature)
    # The server's runtime knows one signature by its name.
    kept = signature == savedmodel.SIGNATURE
    formats = (
        Format(
            name="onnx",
            write=partial(savedmodel.write_onnx, function=function, inputs=list(inputs), batched=batched),
            load=partial(onnx.load, batched=batched),
        ),
        Format(
            name="savedmodel",
            write=partial(savedmodel.write, saved_model=folder),
            load=partial(savedmodel.load, outputs=names, batched=batched),
            by_default=False,
        ),
    )
    return Source(
        description=given.description,
        eager=run if batched else one_by_one(run),
        samples=groups[0],
        others=groups[1:],
        expected=declared.expected(given, groups, names),
        fingerprint=fingerprint(
            signature,
            ((file.relative_to(folder).as_posix(), "file", (), file.read_bytes()) for file in _files(folder)),
        ),
        formats=formats if kept else formats[:1],
        batched=batched,
        open_axes=declared.open_axes(inputs, batched=batched),
        is_noise=given.is_noise,
    )


def _check_data_types(specs: Mapping[str, Any]) -> None:
    for name, spec in specs.items():
        if spec.dtype.name == "string":
            raise ExportError(
                f"{name!r} holds strings, and an export takes and gives numbers alone: save a signature "
                f"{savedmodel.SIGNATURE!r} that begins after the strings are encoded"
            )
        if spec.dtype.name not in DATATYPES:
            raise ExportError(
                f"{name!r} holds {spec.dtype.name}, which no client can send or take: save a signature "
                f"{savedmodel.SIGNATURE!r} that converts it to or from float32, by tf.cast"
            )


def _output_names(wanted: Sequence[str] | None, existing: Sequence[str]) -> list[str]:
    names = list(wanted or existing)
    if unknown := set(names) - set(existing):
        raise ExportError(
            f"--output-name {', '.join(sorted(unknown))}: the outputs are {', '.join(existing)}"
        )
    return names


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files that decide a SavedModel's answers."""
    for part in savedmodel.PARTS:
        for file in [folder / part, *(folder / part).rglob("*")]:
            if file.is_file():
                yield file


def _declared(kind: str, name: str, spec: Any) -> Declared:  # noqa: ANN401 - a tf.TensorSpec
    if spec.shape.rank is None:
        raise ExportError(
            f"{kind} {name!r} is saved without a shape: save it with a tf.TensorSpec whose first axis is "
            "open, as [None, 3]"
        )
    return Declared(dtype=np.dtype(spec.dtype.as_numpy_dtype), shape=tuple(spec.shape.as_list()))
