"""ONNX Runtime: https://onnxruntime.ai/docs/api/python/api_summary.html."""

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
"""Lesser faults are raised as well, and stdout is for JSON lines."""

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
CUDA_OPTIONS = {
    # In whole float32, as at export: TensorFloat-32 keeps 10 bits of each factor.
    "use_tf32": "0",
    # Trying all algorithms would be done anew for each size of batch.
    "cudnn_conv_algo_search": "HEURISTIC",
}
"""https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#configuration-options"""


def load(folder: Path, signature: Signature, device: Device) -> Run:
    """Return what runs `model.onnx`.

    Raises:
        DeviceError: it is to compute on a GPU, and ONNX Runtime cannot.

    """
    onnxruntime.set_default_logger_severity(FATAL)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    # One thread a prediction and several predictions at once. A pool of threads waits within each operator
    # for its slowest, and spins meanwhile, which a CPU limit punishes:
    # https://onnxruntime.ai/docs/performance/tune-performance/threading.html
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = _session(folder / "model.onnx", options, device)
    outputs = [tensor.name for tensor in signature.outputs]
    open_axes = has_open_axes(signature)

    def run(inputs: Arrays) -> Arrays:
        try:
            answer = cast(list[Any], session.run(outputs, inputs))
        except InvalidArgument as error:
            raise (ShapeRefused(_words(error)) if open_axes else InputRefused(str(error))) from None
        except (Fail, RuntimeException) as error:
            if open_axes:
                raise ShapeRefused(_words(error)) from None
            raise
        return dict(zip(outputs, answer, strict=True))

    return run


def _words(error: Exception) -> str:
    """Return what ONNX Runtime says of a node, without the place in its source."""
    said = str(error).rpartition("Status Message: ")[2]
    return said.rpartition(" was false. ")[2].strip()


def _session(file: Path, options: Any, device: Device) -> Any:  # noqa: ANN401 - as its types
    if device == "cpu":
        return onnxruntime.InferenceSession(file, options, providers=[CPU])
    if CUDA not in onnxruntime.get_available_providers():
        raise DeviceError(f"ONNX Runtime {onnxruntime.__version__} is the build without CUDA")
    # It prints which libraries of CUDA it misses, and stdout is for JSON lines.
    with redirect_stdout(io.StringIO()) as missing:
        onnxruntime.preload_dlls()
    try:
        # Without a fallback, of which it would print.
        session = onnxruntime.InferenceSession(
            file, options, providers=[(CUDA, CUDA_OPTIONS), CPU], enable_fallback=0
        )
    except RuntimeError as error:
        if "CUDA" not in str(error):
            raise
        raise DeviceError(f"ONNX Runtime cannot use the GPU: {str(error).splitlines()[0]}") from None
    # Where CUDA does not start, a session is made all the same, without it.
    if CUDA not in session.get_providers():
        why = missing.getvalue().partition("\n")[0] or "there is none, or no driver for CUDA's version"
        raise DeviceError(f"ONNX Runtime {onnxruntime.__version__} cannot use an NVIDIA GPU: {why}")
    return session
