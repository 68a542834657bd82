"""Runs TorchScript models on PyTorch: https://docs.pytorch.org/docs/stable/jit.html."""

from pathlib import Path
from typing import Any, cast

import torch
from numpy.typing import NDArray

from app.runtimes import Device, DeviceError, InputRefused, Run, ShapeRefused, has_open_axes
from app.signature import Signature
from app.tensors import Arrays

TORCH_DEVICES: dict[Device, str] = {"cpu": "cpu", "gpu": "cuda"}
"""PyTorch's name for each device."""


def load(folder: Path, signature: Signature, device: Device) -> Run:
    """Return a function that runs `model.pt`.

    Args:
        folder: the folder of the file.
        signature: the signature of the model.
        device: the device that computes the model.

    Raises:
        DeviceError: PyTorch finds no GPU.

    """
    if device == "gpu":
        if not torch.cuda.is_available():
            raise DeviceError(f"PyTorch {torch.__version__} finds no NVIDIA GPU with a driver")
        # Compute in full float32, as at export: TensorFloat-32 keeps only 10 bits of each factor.
        cast(Any, torch.backends.cudnn).conv.fp32_precision = "ieee"
    torch.set_num_threads(1)
    target = TORCH_DEVICES[device]
    module = cast(Any, torch.jit.load(folder / "model.pt", map_location=target))
    open_axes = has_open_axes(signature)
    inputs = [tensor.name for tensor in signature.inputs]
    outputs = [tensor.name for tensor in signature.outputs]

    def run(arrays: Arrays) -> Arrays:
        try:
            with torch.inference_mode():
                result = module(*(torch.from_numpy(_writable(arrays[name])).to(target) for name in inputs))
        except RuntimeError as error:
            # TorchScript raises the same type for every error.
            if "index out of range" in str(error):
                raise InputRefused(str(error)) from None
            if open_axes:
                raise ShapeRefused(str(error).strip().splitlines()[-1]) from None
            raise
        if isinstance(result, dict):
            parts: list[Any] = [result[name] for name in outputs]
        else:
            parts = list(result) if isinstance(result, tuple | list) else [result]
        return {name: part.cpu().numpy() for name, part in zip(outputs, parts, strict=True)}

    return run


def _writable(array: NDArray[Any]) -> NDArray[Any]:
    # A view of a request's body is read-only, and PyTorch has no read-only tensors.
    return array if array.flags.writeable else array.copy()
