"""Make a source of a TensorFlow SavedModel."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model import samples as sample_inputs
from model.errors import ExportError
from model.formats import onnx, savedmodel
from model.signature import DATATYPES, Arrays
from model.source import Description, Format, Source
from model.sources.kind import Given
from model.version import fingerprint

Inputs = dict[str, tuple[np.dtype[np.generic], tuple[int | None, ...]]]
"""Data type and shape of each input, without the batch; None is an open axis."""


def load(given: Given) -> Source:
    """Make a source of a SavedModel's folder.

    Raises:
        ExportError: the SavedModel cannot be loaded or served, or the samples do not fit it.

    """
    given.report(f"loading {given.model}")
    return savedmodel_source(given.model, given.samples, given.description, given.outputs)


def savedmodel_source(
    folder: Path, samples: Arrays | None, description: Description, outputs: Sequence[str] | None = None
) -> Source:
    """Make a source of a SavedModel's signature `serving_default`.

    Args:
        folder: the SavedModel.
        samples: real inputs by name, each with a batch axis first; random numbers by default.
        description: the model's name, and the meaning of its numbers.
        outputs: names of the outputs to serve, in this order; all outputs by default, sorted by name.

    Raises:
        ExportError: the SavedModel cannot be loaded or served, or the samples do not fit it.

    """
    function = savedmodel.serving(folder)
    specs = function.structured_input_signature[1]
    _check_data_types({**specs, **function.structured_outputs})
    inputs = {
        name: (np.dtype(spec.dtype.as_numpy_dtype), _sample_shape(name, spec.shape))
        # Sorted, because a SavedModel does not keep the order of its tensors.
        for name, spec in sorted(specs.items())
    }
    samples = _checked(samples, inputs) if samples else _noise(inputs)
    names = _output_names(outputs, sorted(function.structured_outputs))
    return Source(
        description=description,
        eager=savedmodel.load(folder, outputs=names),
        samples=samples,
        fingerprint=fingerprint(
            savedmodel.SIGNATURE,
            ((file.relative_to(folder).as_posix(), "file", (), file.read_bytes()) for file in _files(folder)),
        ),
        formats=(
            Format(
                name="onnx",
                write=partial(savedmodel.write_onnx, function=function, inputs=list(samples)),
                load=onnx.load,
            ),
            Format(
                name="savedmodel",
                write=partial(savedmodel.write, saved_model=folder),
                load=partial(savedmodel.load, outputs=names),
            ),
        ),
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


def _sample_shape(name: str, shape: Any) -> tuple[int | None, ...]:  # noqa: ANN401 - a tf.TensorShape
    if shape.rank is None:
        raise ExportError(
            f"input {name!r} is saved without a shape: save it with a tf.TensorSpec whose first axis is "
            "open, as [None, 3]"
        )
    axes = tuple(shape.as_list())
    if not axes or axes[0] is not None:
        raise ExportError(
            f"input {name!r} is saved with the shape {list(axes)}: its first axis must be open, for batches. "
            "Save it with a tf.TensorSpec that has None there"
        )
    return axes[1:]


def _checked(samples: Arrays, inputs: Inputs) -> Arrays:
    if len(inputs) == 1 and len(samples) == 1:
        samples = dict(zip(inputs, samples.values(), strict=True))
    if unknown := [name for name in samples if name not in inputs]:
        raise ExportError(
            f"--example has {', '.join(unknown)}, and the SavedModel takes {', '.join(inputs)}: name each "
            "array after the input that it is for"
        )
    for name, (dtype, shape) in inputs.items():
        array = samples.get(name)
        if (
            array is None
            or array.dtype != dtype
            or len(array.shape) != len(shape) + 1
            or any(wanted not in (None, axis) for wanted, axis in zip(shape, array.shape[1:], strict=True))
        ):
            found = "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
            raise ExportError(
                f"input {name!r} must be {dtype} of shape {[None, *shape]}; --example has {found} there"
            )
    return {name: samples[name] for name in inputs}


def _noise(inputs: Inputs) -> Arrays:
    arrays: Arrays = {}
    for name, (dtype, shape) in inputs.items():
        fixed = [axis for axis in shape if axis is not None]
        if not np.issubdtype(dtype, np.floating) or len(fixed) != len(shape):
            raise ExportError(
                f"input {name!r} is {dtype} of shape {[None, *shape]}, for which random numbers may be "
                "wrong: give real inputs with --example FILE"
            )
        arrays[name] = sample_inputs.noise(fixed).astype(dtype)
    return arrays
