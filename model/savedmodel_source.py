"""A TensorFlow SavedModel as a source."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from model import samples as some
from model.errors import ExportError
from model.formats import onnx, savedmodel
from model.signature import Arrays
from model.source import Description, Format, Source
from model.version import fingerprint


def savedmodel_source(
    folder: Path, samples: Arrays | None, description: Description, outputs: Sequence[str] | None = None
) -> Source:
    """Make a source of a SavedModel's serving signature.

    Args:
        folder: the SavedModel.
        samples: real inputs by name, each with a batch axis first; noise by default.
        description: the model's name, and what its numbers stand for.
        outputs: those to serve, in this order; all by default, by name.

    Raises:
        ExportError: it cannot be loaded, or does not take the samples.

    """
    function = savedmodel.serving(folder)
    specs = function.structured_input_signature[1]
    for name, spec in {**specs, **function.structured_outputs}.items():
        if spec.dtype.name == "string":
            raise ExportError(
                f"{name!r} holds strings, and an export takes and gives numbers alone: save a signature "
                f"{savedmodel.SIGNATURE!r} that begins after the strings are encoded"
            )
    inputs = {
        name: (np.dtype(spec.dtype.as_numpy_dtype), _sample_shape(name, spec.shape))
        # Sorted, for a SavedModel keeps its tensors without an order.
        for name, spec in sorted(specs.items())
    }
    samples = _checked(samples, inputs) if samples else _noise(inputs)
    have = sorted(function.structured_outputs)
    if unknown := set(outputs or []) - set(have):
        raise ExportError(f"--output-name {', '.join(sorted(unknown))}: the outputs are {', '.join(have)}")
    names = list(outputs or have)
    files = [
        file
        for part in savedmodel.PARTS
        for file in [folder / part, *(folder / part).rglob("*")]
        if file.is_file()
    ]
    return Source(
        description=description,
        eager=savedmodel.load(folder, outputs=names),
        samples=samples,
        fingerprint=fingerprint(
            savedmodel.SIGNATURE,
            ((file.relative_to(folder).as_posix(), "file", (), file.read_bytes()) for file in files),
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


Inputs = dict[str, tuple[np.dtype[np.generic], tuple[int | None, ...]]]
"""Data type and shape without the batch; None is any size."""


def _sample_shape(name: str, shape: Sequence[int | None]) -> tuple[int | None, ...]:
    if not len(shape) or shape[0] is not None:
        raise ExportError(
            f"input {name!r} is saved with the shape {list(shape)}: "
            "its first axis must be open (None), for batches"
        )
    return tuple(shape[1:])


def _checked(samples: Arrays, inputs: Inputs) -> Arrays:
    if len(inputs) == 1 and len(samples) == 1:
        samples = dict(zip(inputs, samples.values(), strict=True))
    if unknown := [name for name in samples if name not in inputs]:
        raise ExportError(
            f"--example has {', '.join(unknown)}, and the SavedModel takes {', '.join(inputs)}: name each "
            "array after the input that it is for"
        )
    for name, (dtype, shape) in inputs.items():
        found = samples.get(name)
        if (
            found is None
            or found.dtype != dtype
            or len(found.shape) != len(shape) + 1
            or any(want not in (None, have) for want, have in zip(shape, found.shape[1:], strict=True))
        ):
            have = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
            raise ExportError(
                f"input {name!r} must be {dtype} of shape {[None, *shape]}; --example has {have} there"
            )
    return {name: samples[name] for name in inputs}


def _noise(inputs: Inputs) -> Arrays:
    arrays: Arrays = {}
    for name, (dtype, shape) in inputs.items():
        known = [axis for axis in shape if axis is not None]
        if not np.issubdtype(dtype, np.floating) or len(known) != len(shape):
            raise ExportError(
                f"input {name!r} is {dtype} of shape {[None, *shape]}: --example FILE gives real ones"
            )
        arrays[name] = some.noise(known).astype(dtype)
    return arrays
