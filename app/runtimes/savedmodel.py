"""TensorFlow SavedModel: https://www.tensorflow.org/guide/saved_model."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow
from numpy.typing import NDArray

from app.runtimes import Device, DeviceError, InputRefused, Run
from app.signature import Signature
from app.tensors import Arrays

SIGNATURE = "serving_default"


def load(folder: Path, signature: Signature, device: Device) -> Run:
    """Return what runs the SavedModel's serving signature.

    Raises:
        DeviceError: it is to compute on a GPU, for which there is no image.

    """
    if device == "gpu":
        raise DeviceError("TensorFlow computes on the CPU alone here; ONNX and TorchScript take a GPU")
    tf = cast(Any, tensorflow)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    module = tf.saved_model.load(str(folder))
    serve = module.signatures[SIGNATURE]
    outputs = [tensor.name for tensor in signature.outputs]

    # The function holds its module weakly, so something else must hold it.
    def run(arrays: Arrays, _keep: object = module) -> Arrays:
        try:
            answer = serve(**{name: tf.constant(array) for name, array in arrays.items()})
        except tf.errors.InvalidArgumentError as error:
            raise InputRefused(str(error)) from None
        return {name: _text(answer[name].numpy()) for name in outputs}

    return run


def _text(array: NDArray[Any]) -> NDArray[Any]:
    """Return TensorFlow's strings, which are bytes, as `str`; numbers as they are."""
    if array.dtype.kind != "O":
        return array
    texts = [element.decode(errors="replace") for element in array.ravel().tolist()]
    return np.array(texts, np.object_).reshape(array.shape)
