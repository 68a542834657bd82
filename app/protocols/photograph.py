"""A photograph to an input tensor, as the signature describes it and the export did it."""

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from app.errors import InvalidInput, RequestError, TooLarge
from app.protocols import picture_parts, picture_size
from app.signature import ImageInput, Tensor

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}
MAX_PIXELS = 25_000_000
"""A small file can unpack to a huge picture; a phone takes 12 to 24 million pixels. What a picture of so many
takes, `picture_size` tells: 100 MB as RGB, twice that where it is turned or has an alpha channel."""

EIGHT_BITS = ((np.arange(65536) * 255 + 32767) // 65535).astype(np.uint8)
"""The 8-bit value of each 16-bit one: https://www.w3.org/TR/png-3/#13Sample-depth-rescaling."""

# What is wrong with a file is told to its client. In the log it would be a line for each of thousands of
# tags, and Python keeps the text of each warning that it has shown.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Pillow would only warn where we refuse; `_bounded` takes its place.
Image.MAX_IMAGE_PIXELS = None
# A file's texts unpack before its size is looked at.
PngImagePlugin.MAX_TEXT_MEMORY = 2 * PngImagePlugin.MAX_TEXT_CHUNK


def cost(body: bytes | memoryview, content_type: str, image: ImageInput, tensor: Tensor) -> int:
    """Return how many bytes of memory it takes at most to read a picture, by its head.

    Raises:
        InvalidInput: the body is not such a picture.
        TooLarge: it has too many pixels.

    """
    with _opened(body, content_type, tensor) as picture:
        # A sliver grows when it is resized.
        _bounded(picture_size.resized(picture.size, image), tensor)
        return picture_size.cost(picture, body, image)


def decode(
    body: bytes | memoryview, content_type: str, image: ImageInput, tensor: Tensor
) -> NDArray[np.float32]:
    """Return a batch of one, of shape [1, 3, H, W] or [1, H, W, 3] by the layout.

    Raises:
        InvalidInput: the body is not such a picture.
        TooLarge: it has too many pixels.

    """
    with _opened(body, content_type, tensor) as picture:
        # A picture may be large: every copy that is not needed is avoided.
        ImageOps.exif_transpose(picture, in_place=True)
        return _preprocess(_rgb(picture, tensor), image, tensor)


@contextmanager
def _opened(body: bytes | memoryview, content_type: str, tensor: Tensor) -> Generator[Image.Image]:
    """Open a picture, of which only the head is read, and tell what is wrong with it as a RequestError."""
    picture_parts.check(body, content_type)
    try:
        with Image.open(io.BytesIO(body), formats=[FORMATS[content_type]]) as picture:
            _bounded(picture.size, tensor)
            yield picture
    except (RequestError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise InvalidInput(f"the body is not {content_type}", tensor=tensor) from None
    except Exception as error:  # noqa: BLE001 - decoders fail in many ways, all of them the picture's
        raise InvalidInput(f"the body is not a readable {content_type}: {error}", tensor=tensor) from None


def _rgb(picture: Image.Image, tensor: Tensor) -> Image.Image:
    """Return a picture in 8-bit red, green and blue, as torchvision's loader does by `convert("RGB")`.

    Only 16-bit grey, which Pillow would cut off at 255, is scaled.
    """
    if picture.mode in {"I", "F"}:
        raise InvalidInput(
            f"a picture of mode {picture.mode!r} has no range of values; send 8 or 16 bits a channel",
            tensor=tensor,
        )
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray(EIGHT_BITS[np.asarray(picture)])
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _preprocess(picture: Image.Image, image: ImageInput, tensor: Tensor) -> NDArray[np.float32]:
    """Return the pixels of torchvision's Resize, CenterCrop, ToTensor and Normalize, which timm uses as well.

    https://docs.pytorch.org/vision/stable/transforms.html
    """
    shorter = min(picture.size)
    width, height = (int(image.resize * side / shorter) for side in picture.size)
    # A picture of 1 by a million pixels grows here.
    _bounded((width, height), tensor)
    resized = picture.resize((width, height), Image.Resampling[image.interpolation.upper()])
    crop_height, crop_width = image.crop
    left, top = _start(width, crop_width), _start(height, crop_height)
    pixels = np.asarray(resized.crop((left, top, left + crop_width, top + crop_height)))
    mean, std = np.array(image.mean, np.float32), np.array(image.std, np.float32)
    # Scaled in 64 bits: a product with the rounded 1/255 is not always the quotient by 255.
    normal = ((pixels * np.float64(image.scale)).astype(np.float32) - mean) / std
    return np.ascontiguousarray(normal.transpose(2, 0, 1) if image.layout == "NCHW" else normal)[np.newaxis]


def _start(length: int, crop: int) -> int:
    # Halves go to the even number, and a picture smaller than the crop is padded with black.
    return round((length - crop) / 2) if length >= crop else -((crop - length) // 2)


def _bounded(size: tuple[int, int], tensor: Tensor) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise TooLarge(
            f"a picture of {width}x{height} pixels; at most {MAX_PIXELS} are accepted",
            tensor=tensor,
        )
