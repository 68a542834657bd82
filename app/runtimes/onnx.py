"""Runs ONNX models on ONNX Runtime: https://onnxruntime.ai/docs/api/python/api_summary.html."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, cast

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from app.runtimes import Device, DeviceError, InputRefused, Run, ShapeRefused, has_open_axes
from app.signature import Signature
from app.tensors import Arrays

FATAL = 4
"""ONNX Runtime's log level for fatal errors. Other errors are raised anyway, and stdout is for JSON lines."""

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
CUDA_OPTIONS = {
    # Compute in full float32, as at export: TensorFloat-32 keeps only 10 bits of each factor.
    "use_tf32": "0",
    # The default tries all algorithms, and does so again for each batch size.
    "cudnn_conv_algo_search": "HEURISTIC",
}
"""https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#configuration-options"""


def load(folder: Path, signature: Signature, device: Device) -> Run:
    """Return a function that runs `model.onnx`.

    Args:
        folder: the folder of the file.
        signature: the signature of the model.
        device: the device that computes the model.

    Raises:
        DeviceError: ONNX Runtime cannot use a GPU.

    """
    onnxruntime.set_default_logger_severity(FATAL)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    # One thread per batch, and several batches at the same time. If several threads share a batch, they wait
    # in each operator for the slowest, and they spin meanwhile, which uses up a CPU limit:
    # https://onnxruntime.ai/docs/performance/tune-performance/threading.html
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = _session(folder / "model.onnx", options, device)
    outputs = [tensor.name for tensor in signature.outputs]
    open_axes = has_open_axes(signature)

    def run(inputs: Arrays) -> Arrays:
        try:
            arrays = cast(list[Any], session.run(outputs, inputs))
        except InvalidArgument as error:
            raise (ShapeRefused(_reason(error)) if open_axes else InputRefused(str(error))) from None
        except (Fail, RuntimeException) as error:
            if open_axes:
                raise ShapeRefused(_reason(error)) from None
            raise
        return dict(zip(outputs, arrays, strict=True))

    return run


def _reason(error: Exception) -> str:
    """Return the message about a node, without the place in ONNX Runtime's source code."""
    message = str(error).rpartition("Status Message: ")[2]
    return message.rpartition(" was false. ")[2].strip()


def _session(file: Path, options: Any, device: Device) -> Any:  # noqa: ANN401 - ONNX Runtime has no types
    if device == "cpu":
        return onnxruntime.InferenceSession(file, options, providers=[CPU])
    if CUDA not in onnxruntime.get_available_providers():
        raise DeviceError(f"ONNX Runtime {onnxruntime.__version__} was built without CUDA")
    # It prints which libraries of CUDA are missing, but stdout is for JSON lines.
    with redirect_stdout(io.StringIO()) as printed:
        onnxruntime.preload_dlls()
    try:
        # The fallback to the CPU would print to stdout.
        session = onnxruntime.InferenceSession(
            file, options, providers=[(CUDA, CUDA_OPTIONS), CPU], enable_fallback=0
        )
    except RuntimeError as error:
        if "CUDA" not in str(error):
            raise
        raise DeviceError(f"ONNX Runtime cannot use the GPU: {str(error).splitlines()[0]}") from None
    # When CUDA does not start, ONNX Runtime creates a session without it.
    if CUDA not in session.get_providers():
        why = printed.getvalue().partition("\n")[0] or "there is no GPU, or no driver for this CUDA"
        raise DeviceError(f"ONNX Runtime {onnxruntime.__version__} cannot use an NVIDIA GPU: {why}")
    return session
