"""TorchScript: https://docs.pytorch.org/docs/stable/jit.html."""

from pathlib import Path
from typing import Any, cast

import torch
from numpy.typing import NDArray

from app.runtimes import Device, DeviceError, InputRefused, Run, ShapeRefused, has_open_axes
from app.signature import Signature
from app.tensors import Arrays

PLACES: dict[Device, str] = {"cpu": "cpu", "gpu": "cuda"}
"""The devices by PyTorch's names."""


def load(folder: Path, signature: Signature, device: Device) -> Run:
    """Return what runs `model.pt`.

    Raises:
        DeviceError: it is to compute on a GPU, and there is none.

    """
    if device == "gpu":
        if not torch.cuda.is_available():
            raise DeviceError(f"PyTorch {torch.__version__} finds no NVIDIA GPU with a driver")
        # In whole float32, as at export: TensorFloat-32 keeps 10 bits of each factor.
        cast(Any, torch.backends.cudnn).conv.fp32_precision = "ieee"
    torch.set_num_threads(1)
    place = PLACES[device]
    module = cast(Any, torch.jit.load(folder / "model.pt", map_location=place))
    open_axes = has_open_axes(signature)
    inputs = [tensor.name for tensor in signature.inputs]
    outputs = [tensor.name for tensor in signature.outputs]

    def run(arrays: Arrays) -> Arrays:
        try:
            with torch.inference_mode():
                answer = module(*(torch.from_numpy(_writable(arrays[name])).to(place) for name in inputs))
        except RuntimeError as error:
            # TorchScript raises one type for every fault.
            if "index out of range" in str(error):
                raise InputRefused(str(error)) from None
            if open_axes:
                raise ShapeRefused(str(error).strip().splitlines()[-1]) from None
            raise
        if isinstance(answer, dict):
            parts: list[Any] = [answer[name] for name in outputs]
        else:
            parts = list(answer) if isinstance(answer, tuple | list) else [answer]
        return {name: part.cpu().numpy() for name, part in zip(outputs, parts, strict=True)}

    return run


def _writable(array: NDArray[Any]) -> NDArray[Any]:
    # A view of a request's body is not, and a tensor cannot say so.
    return array if array.flags.writeable else array.copy()
