"""ONNX Runtime: https://onnxruntime.ai/docs/api/python/api_summary.html."""

from pathlib import Path
from typing import Any, cast

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from app.runtimes import InputRefused, Run
from app.signature import Signature
from app.tensors import Arrays

FATAL = 4
"""Lesser faults are raised as well, and stdout is for JSON lines."""


def load(folder: Path, signature: Signature) -> Run:
    """Return what runs `model.onnx`."""
    onnxruntime.set_default_logger_severity(FATAL)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    # One thread a prediction and several predictions at once. A pool of threads waits within each operator
    # for its slowest, and spins meanwhile, which a CPU limit punishes:
    # https://onnxruntime.ai/docs/performance/tune-performance/threading.html
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    outputs = [tensor.name for tensor in signature.outputs]

    def run(inputs: Arrays) -> Arrays:
        try:
            answer = cast(list[Any], session.run(outputs, inputs))
        except InvalidArgument as error:
            raise InputRefused(str(error)) from None
        return dict(zip(outputs, answer, strict=True))

    return run
