"""Runs SavedModels on TensorFlow: https://www.tensorflow.org/guide/saved_model."""

import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cpu import cpu_limit
from app.runtimes import Device, InputRefused, Run, ShapeRefused, has_open_axes
from app.signature import Signature
from app.tensors import Arrays

SIGNATURE = "serving_default"
"""The name under which the export stores the function of the model."""


def _tensorflow() -> Any:  # noqa: ANN401 - TensorFlow has no types
    # TensorFlow imports its own tests, which look up the temporary folder but write no file there. A
    # container with a read-only root has no such folder, so any folder is set.
    before, tempfile.tempdir = tempfile.tempdir, os.sep
    # Hide the notes about the processor: they are for people who build TensorFlow.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return import_module("tensorflow")
    finally:
        tempfile.tempdir = before


tf = _tensorflow()


def load(folder: Path, signature: Signature, device: Device) -> Run:  # noqa: ARG001 - it is always the CPU
    """Return a function that runs the serving signature of the SavedModel.

    Args:
        folder: the folder of the SavedModel.
        signature: the signature of the model.
        device: the device that computes the model. It is always the CPU.

    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    # All calls share these threads. With fewer, calls would wait for each other while cores are idle.
    tf.config.threading.set_inter_op_parallelism_threads(cpu_limit())
    module = tf.saved_model.load(str(folder))
    serve = module.signatures[SIGNATURE]
    names = [tensor.name for tensor in signature.outputs]
    open_axes = has_open_axes(signature)

    # `serve` has only a weak reference to its module, so `run` keeps the module alive.
    def run(arrays: Arrays, _module: object = module) -> Arrays:
        try:
            outputs = serve(**{name: tf.constant(array) for name, array in arrays.items()})
        except tf.errors.InvalidArgumentError as error:
            refused = ShapeRefused(error.message.splitlines()[0]) if open_axes else InputRefused(str(error))
            raise refused from None
        return {name: _decode_strings(outputs[name].numpy()) for name in names}

    return run


def _decode_strings(array: NDArray[Any]) -> NDArray[Any]:
    """Convert TensorFlow's strings from `bytes` to `str`. An array of numbers is returned unchanged."""
    if array.dtype.kind != "O":
        return array
    texts = [element.decode(errors="replace") for element in array.ravel().tolist()]
    return np.array(texts, np.object_).reshape(array.shape)
