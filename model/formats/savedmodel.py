"""TensorFlow SavedModel: https://www.tensorflow.org/guide/saved_model. TensorFlow is an optional extra."""

import os
import shutil
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from model.errors import ExportError, quoted
from model.formats import onnx
from model.signature import Arrays
from model.source import Run, one_by_one

SIGNATURE = "serving_default"
OPSET = 18
"""The newest that tf2onnx writes."""

PARTS = ("saved_model.pb", "variables", "assets")
"""The parts of a SavedModel that decide its answers. Other files are notes of the library that saved it."""


def load(
    folder: Path, *, outputs: Sequence[str] | None = None, signature: str = SIGNATURE, batched: bool = True
) -> Run:
    """Return a function that runs a signature of a SavedModel.

    Args:
        folder: the SavedModel.
        outputs: names of the outputs to return; all by default.
        signature: the name of the signature.
        batched: whether the first axis of each tensor is the batch; otherwise it takes batches of one.

    Raises:
        ExportError: TensorFlow is not installed, or the folder holds no SavedModel with that signature.

    """
    tf = tensorflow()
    function = serving(folder, signature)

    def run(arrays: Arrays) -> Arrays:
        answer = function(**{name: tf.constant(array) for name, array in arrays.items()})
        return {name: answer[name].numpy() for name in outputs or answer}

    return run if batched else one_by_one(run)


def tensorflow() -> Any:  # noqa: ANN401 - TensorFlow has no types, and may not be installed
    """Return TensorFlow, imported quietly.

    Raises:
        ExportError: TensorFlow is not installed.

    """
    return _module("tensorflow")


def serving(folder: Path, signature: str = SIGNATURE) -> Any:  # noqa: ANN401 - as above
    """Load a SavedModel and return a signature: a function with one argument for each input.

    Raises:
        ExportError: TensorFlow is not installed, or the folder holds no SavedModel with that signature.

    """
    if not (folder / PARTS[0]).exists():
        raise ExportError(
            f"--saved-model {folder}: has no {PARTS[0]}, so it is not the folder of a SavedModel. Keras "
            "writes one by model.export(DIR), TensorFlow by tf.saved_model.save(module, DIR)"
        )
    tf = tensorflow()
    try:
        module = tf.saved_model.load(str(folder))
    except (OSError, ValueError) as error:
        raise ExportError(
            f"--saved-model {folder}: TensorFlow cannot load it: {quoted(error)}. Save it again, or copy "
            "the whole folder"
        ) from None
    if signature not in module.signatures:
        others = ", ".join(module.signatures)
        advice = f"--signature-name names one of {others}" if others else "save it with a signature"
        raise ExportError(
            f"--saved-model {folder}: has no signature {signature!r}; {advice}, as "
            f"tf.saved_model.save(..., signatures={{{SIGNATURE!r}: ...}}) does"
        )
    function = module.signatures[signature]
    # Keeps the module alive, because the function references its variables only weakly.
    function.module = module
    return function


def write(folder: Path, *, saved_model: Path) -> None:
    """Copy the parts of a SavedModel that decide its answers into an existing folder."""
    for part in PARTS:
        if (saved_model / part).is_dir():
            shutil.copytree(saved_model / part, folder / part, copy_function=shutil.copyfile)
        elif (saved_model / part).exists():
            shutil.copyfile(saved_model / part, folder / part)


def write_onnx(
    folder: Path,
    *,
    function: Any,  # noqa: ANN401 - as above
    inputs: Sequence[str],
    batched: bool = True,
) -> None:
    """Convert a serving signature to ONNX by tf2onnx, and keep the names of its inputs and outputs.

    Args:
        folder: an existing folder, which gets `model.onnx`.
        function: the signature, as `serving` returns it.
        inputs: names of its inputs, in the order that the ONNX file gets.
        batched: whether the first axis of each tensor is the batch.

    Raises:
        ExportError: tf2onnx is not installed, or cannot convert an operation.

    """
    tf = tensorflow()
    convert = _module("tf2onnx.convert")
    specs = function.structured_input_signature[1]

    def positional(*values: Any) -> Any:  # noqa: ANN401 - as above
        return function(**dict(zip(inputs, values, strict=True)))

    try:
        model, _ = convert.from_function(
            tf.function(positional, autograph=False),
            input_signature=[specs[name] for name in inputs],
            opset=OPSET,
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise ExportError(
            f"onnx: tf2onnx cannot convert the SavedModel: {quoted(error)}. Export with --format savedmodel"
        ) from None
    onnx.save(model, folder, batched=batched)


def _module(name: str) -> Any:  # noqa: ANN401 - as above
    # Hides TensorFlow's messages about CPU features and missing GPUs.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module(name)
    except ModuleNotFoundError as error:
        raise ExportError(f"{error.name} is not installed: `make tensorflow` adds it") from None
