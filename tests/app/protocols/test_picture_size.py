"""What a picture takes, known from its head."""

import io

import pytest
from PIL import Image

from app.protocols.picture_size import memory_cost
from tests.app.protocols.test_photograph import file_of, image

SIDE = 1000
PIXELS = SIDE * SIDE


def cost_of(body: bytes) -> float:
    """Bytes a pixel."""
    with Image.open(io.BytesIO(body)) as opened:
        return memory_cost(opened, body, image()) / PIXELS


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize(
    ("mode", "kind", "options", "bytes_a_pixel"),
    [
        ("RGB", "JPEG", {}, 4),
        ("RGB", "JPEG", {"exif": turned()}, 8),
        # Three components of 2 bytes, two of them on a quarter of the pixels.
        ("RGB", "JPEG", {"progressive": True}, 7),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}, 10),
        ("CMYK", "JPEG", {}, 8),
        # A PNG may say after its pixels that it is to be turned.
        ("RGB", "PNG", {}, 8),
        ("RGBA", "PNG", {}, 8),
        ("LA", "PNG", {}, 8),
        ("L", "PNG", {}, 5),
        ("P", "PNG", {}, 5),
        ("1", "PNG", {}, 5),
        ("I;16", "PNG", {}, 10),
    ],
)
def test_the_estimate_depends_on_the_mode_and_the_steps_of_decoding(
    mode: str, kind: str, options: dict, bytes_a_pixel: int
):
    body = file_of(Image.new(mode, (SIDE, SIDE)), kind, **options)

    assert bytes_a_pixel <= cost_of(body) < bytes_a_pixel * 1.15


def test_the_estimate_includes_the_rows():
    body = file_of(Image.new("L", (1, PIXELS)))

    assert cost_of(body) > 24
