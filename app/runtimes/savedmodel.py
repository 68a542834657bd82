"""TensorFlow SavedModel: https://www.tensorflow.org/guide/saved_model."""

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


def _tensorflow() -> Any:  # noqa: ANN401 - it has no types
    # It imports tests of its own, which ask for the folder of temporary files, and write none: where the root
    # is read-only there is no such folder.
    before, tempfile.tempdir = tempfile.tempdir, os.sep
    # What it says of the processor is for who builds it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return import_module("tensorflow")
    finally:
        tempfile.tempdir = before


tf = _tensorflow()


def load(folder: Path, signature: Signature, device: Device) -> Run:  # noqa: ARG001 - the CPU alone
    """Return a function that runs the SavedModel's serving signature."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    # All calls share these: with fewer, they would wait for each other while cores are idle.
    tf.config.threading.set_inter_op_parallelism_threads(cpu_limit())
    module = tf.saved_model.load(str(folder))
    serve = module.signatures[SIGNATURE]
    outputs = [tensor.name for tensor in signature.outputs]
    open_axes = has_open_axes(signature)

    # The function holds its module weakly, so something else must hold it.
    def run(arrays: Arrays, _keep: object = module) -> Arrays:
        try:
            answer = serve(**{name: tf.constant(array) for name, array in arrays.items()})
        except tf.errors.InvalidArgumentError as error:
            refused = ShapeRefused(error.message.splitlines()[0]) if open_axes else InputRefused(str(error))
            raise refused from None
        return {name: _text(answer[name].numpy()) for name in outputs}

    return run


def _text(array: NDArray[Any]) -> NDArray[Any]:
    """Return TensorFlow's strings, which are bytes, as `str`; numbers as they are."""
    if array.dtype.kind != "O":
        return array
    texts = [element.decode(errors="replace") for element in array.ravel().tolist()]
    return np.array(texts, np.object_).reshape(array.shape)
