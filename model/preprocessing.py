"""Convert a photograph to an input tensor, as `signature.json` describes it and as the server does it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from model.errors import ExportError
from model.signature import ImageInput

MAX_PIXELS = 25_000_000
"""The server's limit for a picture, before and after it is resized."""


def preprocess(photograph: Image.Image, image: ImageInput) -> NDArray[Any]:
    """Convert a photograph to an input tensor.

    The pixels are those of torchvision's Resize, CenterCrop, ToTensor and Normalize, which timm uses as well:
    https://docs.pytorch.org/vision/stable/transforms.html

    Returns:
        A batch of one, of the shape that `image.shape` says.

    Raises:
        ExportError: the picture's mode has no range of values, or the resized picture would be too large.

    """
    picture = upright(photograph)
    fitted = _fitted(picture, image)
    pixels = np.asarray(fitted.convert("L") if image.color == "grey" else fitted)
    pixels = pixels.reshape(*image.crop, image.channels)
    if image.color == "BGR":
        pixels = pixels[..., ::-1]
    values = pixels if image.datatype == "UINT8" else _normalized(pixels, image)
    return np.ascontiguousarray(values.transpose(2, 0, 1) if image.layout == "NCHW" else values)[np.newaxis]


def _fitted(picture: Image.Image, image: ImageInput) -> Image.Image:
    """Return a picture in the size of the input."""
    height, width = image.crop
    resampling = Image.Resampling[image.interpolation.upper()]
    if image.fit == "squash":
        return picture.resize((width, height), resampling)
    if image.resize is None:
        ratio = min(width / picture.width, height / picture.height)
        wide, high = (max(1, round(side * ratio)) for side in picture.size)
        whole = Image.new("RGB", (width, height), (image.fill,) * 3)
        whole.paste(picture.resize((wide, high), resampling), ((width - wide) // 2, (height - high) // 2))
        return whole
    shorter = min(picture.size)
    wide, high = (int(image.resize * side / shorter) for side in picture.size)
    if wide * high > MAX_PIXELS:
        raise ExportError(
            f"a picture of {picture.width}x{picture.height} pixels would be resized to {wide}x{high}, and "
            f"the server accepts {MAX_PIXELS} pixels at most: give a picture that is less narrow"
        )
    left, top = _crop_start(wide, width), _crop_start(high, height)
    return picture.resize((wide, high), resampling).crop((left, top, left + width, top + height))


def _normalized(pixels: NDArray[np.uint8], image: ImageInput) -> NDArray[np.float32]:
    mean, std = np.array(image.mean, np.float32), np.array(image.std, np.float32)
    # Scaled in 64 bits: in 32 bits a product with 1/255 is not always the quotient by 255.
    return ((pixels * np.float64(image.scale)).astype(np.float32) - mean) / std


def upright(photograph: Image.Image) -> Image.Image:
    """Return a picture turned as its EXIF orientation says, in 8-bit red, green and blue.

    Every mode is converted by `convert("RGB")`, as in torchvision's loader. 16-bit grey, which Pillow would
    cut off at 255, is scaled instead: https://www.w3.org/TR/png-3/#13Sample-depth-rescaling

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


def _crop_start(length: int, crop: int) -> int:
    """Return where a centre crop begins; negative where the picture is smaller and is padded with black."""
    # torchvision rounds halves to the even number.
    return round((length - crop) / 2) if length >= crop else -((crop - length) // 2)
