"""Estimates how much memory decoding a picture takes, from its header.

Pillow stores a pixel in 4 bytes, or in 1 or 2 if it has a single channel:
https://pillow.readthedocs.io/en/stable/handbook/concepts.html#modes
"""

from PIL import Image, JpegImagePlugin

from app.signature import ImageInput

ONE_BYTE_MODES = frozenset({"1", "L", "P"})
TWO_BYTE_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
RGB_BYTES_PER_PIXEL = 4
BYTES_PER_ROW = 24
"""What a row takes in addition to its pixels: Pillow's pointers to it."""

BYTES_PER_COEFFICIENT = 2
START_OF_SCAN = 0xDA
"""The marker of a scan in a JPEG."""

MARKER = 0xFF
"""The first byte of each marker in a JPEG."""

ORIENTATION = 0x0112
"""The EXIF tag that says how the picture must be rotated."""


def memory_cost(picture: Image.Image, body: bytes | memoryview, image: ImageInput) -> int:
    """Return how many bytes of memory decoding and resizing a picture takes at most.

    Args:
        picture: the opened picture. Its pixels are not read.
        body: the file.
        image: how the picture becomes the input.

    """
    width, height = picture.size
    pixels = width * height
    stored = (
        1 if picture.mode in ONE_BYTE_MODES else 2 if picture.mode in TWO_BYTE_MODES else RGB_BYTES_PER_PIXEL
    )
    # A mode with more than 8 bits per channel may be converted twice.
    conversions = 2 if picture.mode in {*TWO_BYTE_MODES, "I", "F"} else 1
    converted = 0 if picture.mode == "RGB" else conversions * RGB_BYTES_PER_PIXEL
    decoding = pixels * stored
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        decoding += _coefficients(picture, body)
        is_rotated = picture.getexif().get(ORIENTATION, 1) != 1
    else:
        # In a PNG, the orientation may come after the pixels, so assume the worst.
        is_rotated = True
    rotating = 2 * stored * pixels if is_rotated else 0
    new_width, new_height = resized(picture.size, image)
    # Pillow resizes in two steps: first the width, then the height.
    resizing = RGB_BYTES_PER_PIXEL * (pixels + new_width * height + new_width * new_height)
    rows = (max(width, height) + new_height) * BYTES_PER_ROW
    return len(body) + rows + max(decoding, rotating, pixels * (stored + converted), resizing)


def resized(size: tuple[int, int], image: ImageInput) -> tuple[int, int]:
    """Return the approximate width and height of a picture after resizing."""
    if image.resize is None:
        # It is at most as large as the input.
        height, width = image.crop
        return width, height
    factor = image.resize / min(size)
    return round(size[0] * factor), round(size[1] * factor)


def _coefficients(picture: JpegImagePlugin.JpegImageFile, body: bytes | memoryview) -> int:
    """Return how many bytes of coefficients libjpeg stores for a picture with several scans.

    https://raw.githubusercontent.com/libjpeg-turbo/libjpeg-turbo/main/doc/libjpeg.txt ("progressive")
    """
    if "progressive" not in picture.info and _components_of_first_scan(body) == len(picture.layer):
        return 0
    largest = max(horizontal * vertical for _, horizontal, vertical, _ in picture.layer)
    share = sum(horizontal * vertical / largest for _, horizontal, vertical, _ in picture.layer)
    # Round up: a block has 8 by 8 pixels, and blocks come in groups.
    width, height = (side + 32 for side in picture.size)
    return int(width * height * share * BYTES_PER_COEFFICIENT)


def _components_of_first_scan(body: bytes | memoryview) -> int | None:
    """Return how many colour components the first scan has. None if there is no scan.

    ITU T.81, annex B: https://www.w3.org/Graphics/JPEG/itu-t81.pdf
    """
    at = 2
    while at + 5 <= len(body) and body[at] == MARKER:
        if body[at + 1] == START_OF_SCAN:
            return body[at + 4]
        at += 1 if body[at + 1] == MARKER else 2 + (body[at + 2] << 8 | body[at + 3])
    return None
