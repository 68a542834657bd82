"""Pictures of one colour."""

import io
from typing import Any

from PIL import Image

SMALL_IMAGE: dict[str, Any] = {
    "input": "image",
    "resize": 4,
    "crop": [4, 4],
    "interpolation": "bicubic",
    "layout": "NCHW",
    "scale": 1 / 255,
    "mean": [0, 0, 0],
    "std": [1, 1, 1],
}
"""How a picture becomes an input of shape [-1, 3, 4, 4], in the signature."""


def picture(colour: tuple[int, int, int], kind: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    """Return a file of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()
