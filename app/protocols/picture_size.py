"""What a picture takes while it is read, known from its head alone.

Pillow keeps a pixel in 4 bytes, or in 1 or 2 where it has one channel:
https://pillow.readthedocs.io/en/stable/handbook/concepts.html#modes
"""

from PIL import Image, JpegImagePlugin

from app.signature import ImageInput

ONE_BYTE = frozenset({"1", "L", "P"})
TWO_BYTES = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
RGB_BYTES = 4
ROW_BYTES = 24
"""What a row takes beside its pixels: Pillow's pointers to it."""

COEFFICIENT_BYTES = 2
START_OF_SCAN = 0xDA
MARKER = 0xFF
ORIENTATION = 0x0112


def cost(picture: Image.Image, body: bytes | memoryview, image: ImageInput) -> int:
    """Return how many bytes it takes at most to read a picture that has been opened, and to resize it."""
    width, height = picture.size
    pixels = width * height
    kept = 1 if picture.mode in ONE_BYTE else 2 if picture.mode in TWO_BYTES else RGB_BYTES
    # A wide mode is converted twice, at worst.
    wider = 2 if picture.mode in {*TWO_BYTES, "I", "F"} else 1
    converted = 0 if picture.mode == "RGB" else wider * RGB_BYTES
    decoding = pixels * kept
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        decoding += _coefficients(picture, body)
        turned = picture.getexif().get(ORIENTATION, 1) != 1
    else:
        # A PNG may say only after its pixels that it is to be turned.
        turned = True
    turning = 2 * kept * pixels if turned else 0
    wide, high = resized(picture.size, image)
    # Pillow resizes rows first, then columns.
    resizing = RGB_BYTES * (pixels + wide * height + wide * high)
    rows = (max(width, height) + high) * ROW_BYTES
    return len(body) + rows + max(decoding, turning, pixels * (kept + converted), resizing)


def resized(size: tuple[int, int], image: ImageInput) -> tuple[int, int]:
    """Return about how large a picture is after it has been resized."""
    factor = image.resize / min(size)
    return round(size[0] * factor), round(size[1] * factor)


def _coefficients(picture: JpegImagePlugin.JpegImageFile, body: bytes | memoryview) -> int:
    """Return what libjpeg keeps of a picture that comes in several scans, until the last has come.

    https://raw.githubusercontent.com/libjpeg-turbo/libjpeg-turbo/main/doc/libjpeg.txt ("progressive")
    """
    if "progressive" not in picture.info and _components_of_first_scan(body) == len(picture.layer):
        return 0
    largest = max(horizontal * vertical for _, horizontal, vertical, _ in picture.layer)
    share = sum(horizontal * vertical / largest for _, horizontal, vertical, _ in picture.layer)
    # Blocks of 8 by 8 pixels, and of several of them, are whole.
    width, height = (side + 32 for side in picture.size)
    return int(width * height * share * COEFFICIENT_BYTES)


def _components_of_first_scan(body: bytes | memoryview) -> int | None:
    """Return how many colour components the first scan has; None where the segments do not lead there.

    ITU T.81, annex B: https://www.w3.org/Graphics/JPEG/itu-t81.pdf
    """
    at = 2
    while at + 5 <= len(body) and body[at] == MARKER:
        if body[at + 1] == START_OF_SCAN:
            return body[at + 4]
        at += 1 if body[at + 1] == MARKER else 2 + (body[at + 2] << 8 | body[at + 3])
    return None
