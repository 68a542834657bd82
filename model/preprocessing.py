"""A photograph to an input tensor, as `signature.json` describes it and the server repeats it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from model.errors import ExportError
from model.signature import ImageInput


def preprocess(photograph: Image.Image, image: ImageInput) -> NDArray[np.float32]:
    """Return a batch of one, of shape [1, 3, H, W] or [1, H, W, 3] by the layout.

    The pixels are those of torchvision's Resize, CenterCrop, ToTensor and Normalize, which timm uses as well:
    https://docs.pytorch.org/vision/stable/transforms.html

    Raises:
        ExportError: the picture's mode has no range of values.

    """
    picture = upright(photograph)
    shorter = min(picture.size)
    width, height = (int(image.resize * side / shorter) for side in picture.size)
    resized = picture.resize((width, height), Image.Resampling[image.interpolation.upper()])
    crop_height, crop_width = image.crop
    left, top = _start(width, crop_width), _start(height, crop_height)
    pixels = np.asarray(resized.crop((left, top, left + crop_width, top + crop_height)))
    mean, std = np.array(image.mean, np.float32), np.array(image.std, np.float32)
    # Scaled in 64 bits: a product with the rounded 1/255 is not always the quotient by 255.
    normal = ((pixels * np.float64(image.scale)).astype(np.float32) - mean) / std
    return np.ascontiguousarray(normal.transpose(2, 0, 1) if image.layout == "NCHW" else normal)[np.newaxis]


def upright(photograph: Image.Image) -> Image.Image:
    """Return a picture with its top above, in 8-bit red, green and blue.

    Every mode becomes what `convert("RGB")` makes of it, as in torchvision's loader. Only 16-bit grey, which
    Pillow would cut off at 255, is scaled: https://www.w3.org/TR/png-3/#13Sample-depth-rescaling

    Raises:
        ExportError: the picture's mode has no range of values.

    """
    picture = ImageOps.exif_transpose(photograph)
    if picture.mode in {"I", "F"}:
        raise ExportError(
            f"a picture of mode {picture.mode!r} has no range of values: save it with 8 or 16 bits a channel"
        )
    if picture.mode.startswith("I;16"):
        wide = np.asarray(picture).astype(np.uint32)
        picture = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    return picture.convert("RGB")


def _start(length: int, crop: int) -> int:
    # Halves go to the even number, and a picture smaller than the crop is padded with black.
    return round((length - crop) / 2) if length >= crop else -((crop - length) // 2)
