"""Decodes a picture to an input tensor, in the same way as the export did for its sample."""

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from app.errors import InvalidInput, RequestError, TooLarge
from app.protocols import picture_parts, picture_size
from app.signature import ImageInput, Tensor

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}
"""Pillow's name of each accepted format, by media type."""

MAX_PIXELS = 25_000_000
"""The largest number of pixels of a picture. A phone's picture has 12 to 24 million, but a small file can
unpack to many more. 25 million take 100 MB as RGB, and twice that if the picture is rotated or has an alpha
channel."""

EIGHT_BITS = ((np.arange(65536) * 255 + 32767) // 65535).astype(np.uint8)
"""The 8-bit value of each 16-bit value: https://www.w3.org/TR/png-3/#13Sample-depth-rescaling."""

# The client gets the error of a file. Pillow's warnings could fill the log, with a line for each of thousands
# of tags, and Python keeps the text of every warning in memory.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Pillow only warns about too many pixels. `_check_pixels` refuses them instead.
Image.MAX_IMAGE_PIXELS = None
# Pillow unpacks the texts in a file before the size of the picture can be checked.
PngImagePlugin.MAX_TEXT_MEMORY = 2 * PngImagePlugin.MAX_TEXT_CHUNK


def memory_cost(body: bytes | memoryview, content_type: str, image: ImageInput, tensor: Tensor) -> int:
    """Return how many bytes of memory decoding a picture takes at most. Only its header is read.

    Args:
        body: the file.
        content_type: a key of `FORMATS`.
        image: how the picture becomes the input.
        tensor: the input.

    Raises:
        InvalidInput: the body is not a picture of this type.
        TooLarge: it has too many pixels or parts.

    """
    with _opened(body, content_type, tensor) as picture:
        # A very narrow picture has more pixels after resizing.
        _check_pixels(picture_size.resized(picture.size, image), tensor)
        return picture_size.memory_cost(picture, body, image)


def decode(body: bytes | memoryview, content_type: str, image: ImageInput, tensor: Tensor) -> NDArray[Any]:
    """Decode a picture to a batch of one sample.

    Args:
        body: the file.
        content_type: a key of `FORMATS`.
        image: how the picture becomes the input.
        tensor: the input.

    Returns:
        An array of shape [1, 3, height, width] or [1, height, width, 3], according to the layout.

    Raises:
        InvalidInput: the body is not a readable picture of this type.
        TooLarge: it has too many pixels or parts.

    """
    with _opened(body, content_type, tensor) as picture:
        # Rotate it in place, because a copy of a large picture takes much memory.
        ImageOps.exif_transpose(picture, in_place=True)
        return _preprocess(_rgb(picture, tensor), image, tensor)


@contextmanager
def _opened(body: bytes | memoryview, content_type: str, tensor: Tensor) -> Generator[Image.Image]:
    """Open a picture, reading only its header. An error in the `with` block becomes a RequestError."""
    picture_parts.check(body, content_type)
    try:
        with Image.open(io.BytesIO(body), formats=[FORMATS[content_type]]) as picture:
            _check_pixels(picture.size, tensor)
            yield picture
    except (RequestError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise InvalidInput(f"the body is not {content_type}", tensor=tensor) from None
    except Exception as error:  # noqa: BLE001 - decoders raise many types, and the picture is always the cause
        raise InvalidInput(f"the body is not a readable {content_type}: {error}", tensor=tensor) from None


def _rgb(picture: Image.Image, tensor: Tensor) -> Image.Image:
    """Convert a picture to 8-bit red, green and blue, as torchvision's loader does with `convert("RGB")`.

    Grey values of 16 bits are scaled first, because Pillow would cut them off at 255.
    """
    if picture.mode in {"I", "F"}:
        raise InvalidInput(
            f"a picture of mode {picture.mode!r} has no fixed range of values; send 8 or 16 bits per channel",
            tensor=tensor,
        )
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray(EIGHT_BITS[np.asarray(picture)])
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _preprocess(picture: Image.Image, image: ImageInput, tensor: Tensor) -> NDArray[Any]:
    """Fit and normalize a picture as torchvision does: Resize, CenterCrop, Grayscale, ToTensor and Normalize.

    https://docs.pytorch.org/vision/stable/transforms.html
    """
    fitted = _fitted(picture, image, tensor)
    pixels = np.asarray(fitted.convert("L") if image.color == "grey" else fitted)
    pixels = pixels.reshape(*image.crop, image.channels)
    if image.color == "BGR":
        pixels = pixels[..., ::-1]
    values = pixels if image.datatype == "UINT8" else _normalized(pixels, image)
    return np.ascontiguousarray(values.transpose(2, 0, 1) if image.layout == "NCHW" else values)[np.newaxis]


def _fitted(picture: Image.Image, image: ImageInput, tensor: Tensor) -> Image.Image:
    """Return a picture in the size of the input."""
    height, width = image.crop
    resampling = Image.Resampling[image.interpolation.upper()]
    if image.fit == "squash":
        return picture.resize((width, height), resampling)
    if image.fit == "letterbox":
        ratio = min(width / picture.width, height / picture.height)
        wide, high = (max(1, round(side * ratio)) for side in picture.size)
        whole = Image.new("RGB", (width, height), (image.fill,) * 3)
        whole.paste(picture.resize((wide, high), resampling), ((width - wide) // 2, (height - high) // 2))
        return whole
    assert image.resize is not None  # noqa: S101 - checked with the signature
    shorter = min(picture.size)
    wide, high = (int(image.resize * side / shorter) for side in picture.size)
    # A picture of 1 by a million pixels has more pixels after resizing.
    _check_pixels((wide, high), tensor)
    left, top = _crop_start(wide, width), _crop_start(high, height)
    return picture.resize((wide, high), resampling).crop((left, top, left + width, top + height))


def _normalized(pixels: NDArray[np.uint8], image: ImageInput) -> NDArray[np.float32]:
    mean, std = np.array(image.mean, np.float32), np.array(image.std, np.float32)
    # Multiply in 64 bits: in 32 bits, a product with 1/255 is not always equal to the quotient by 255.
    return ((pixels * np.float64(image.scale)).astype(np.float32) - mean) / std


def _crop_start(length: int, crop: int) -> int:
    # Like torchvision, round halves to the even number, and pad a picture that is too small with black.
    return round((length - crop) / 2) if length >= crop else -((crop - length) // 2)


def _check_pixels(size: tuple[int, int], tensor: Tensor) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise TooLarge(
            f"a picture of {width}x{height} pixels; at most {MAX_PIXELS} are accepted",
            tensor=tensor,
        )
