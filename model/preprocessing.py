"""A photograph to an input tensor, as `signature.json` describes it and the server repeats it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from model.signature import ImageInput


def preprocess(photograph: Image.Image, image: ImageInput) -> NDArray[np.float32]:
    """Return a batch of one, of shape [1, 3, H, W] or [1, H, W, 3] by the layout."""
    upright = ImageOps.exif_transpose(photograph).convert("RGB")
    factor = image.resize / min(upright.size)
    width, height = (round(side * factor) for side in upright.size)
    resized = upright.resize((width, height), Image.Resampling[image.interpolation.upper()])
    crop_height, crop_width = image.crop
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    pixels = np.asarray(resized.crop((left, top, left + crop_width, top + crop_height)), np.float32)
    mean, std = np.array(image.mean, np.float32), np.array(image.std, np.float32)
    normal = (pixels * np.float32(image.scale) - mean) / std
    return np.ascontiguousarray(normal.transpose(2, 0, 1) if image.layout == "NCHW" else normal)[np.newaxis]
