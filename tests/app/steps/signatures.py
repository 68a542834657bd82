"""Signatures for tests of steps."""

from typing import Any

from app.signature import Signature


def signature(
    inputs: dict[str, tuple[str, list[int]]], outputs: dict[str, tuple[str, list[int]]], **more: Any
) -> Signature:
    """Return a signature of tensors: `{"x": ("FP32", [-1, 3])}`."""

    def tensors(described: dict[str, tuple[str, list[int]]]) -> list[dict[str, Any]]:
        return [{"name": name, "datatype": kind, "shape": shape} for name, (kind, shape) in described.items()]

    content = {
        "name": "tiny",
        "version": "0123456789ab",
        "formats": ["onnx"],
        "inputs": tensors(inputs),
        "outputs": tensors(outputs),
        "labels": None,
        "activation": None,
        "image": None,
        **more,
    }
    return Signature.model_validate(content)
