"""Photographs to tensors."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.errors import InvalidInput, RequestError, TooLarge
from app.protocols.photograph import MAX_PIXELS, decode
from app.signature import ImageInput, Tensor
from tests.app.pictures import SMALL_IMAGE

TENSOR = Tensor(name="image", datatype="FP32", shape=(-1, 3, 4, 4))


def image(**changes: object) -> ImageInput:
    return ImageInput.model_validate({**SMALL_IMAGE, **changes})


def file_of(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size, without the pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def tensor_of(body: bytes, kind: str = "image/png", **changes: object) -> np.ndarray:
    return decode(body, kind, image(**changes), TENSOR)


def test_channels_are_scaled_and_normalised_in_the_order_red_green_blue():
    body = file_of(Image.new("RGB", (4, 4), (255, 128, 0)))

    answer = tensor_of(body, mean=[0.5, 0.5, 0.5], std=[0.5, 0.25, 1])

    assert answer.shape == (1, 3, 4, 4)
    assert answer.dtype == np.float32
    assert answer[0, :, 0, 0] == pytest.approx([1, (128 / 255 - 0.5) / 0.25, -0.5], abs=1e-6)


def test_the_layout_of_the_signature_is_used():
    body = file_of(Image.new("RGB", (4, 4), (255, 0, 0)))

    assert tensor_of(body, layout="NHWC").shape == (1, 4, 4, 3)
    assert np.array_equal(tensor_of(body, layout="NHWC").transpose(0, 3, 1, 2), tensor_of(body))


def test_the_centre_of_the_longer_side_is_kept():
    picture = Image.new("RGB", (12, 4), (0, 0, 0))
    picture.paste((255, 255, 255), (4, 0, 8, 4))

    assert tensor_of(file_of(picture)).mean() == 1


def test_a_picture_is_rotated_according_to_its_exif_orientation():
    picture = Image.new("RGB", (4, 4), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 4, 2))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees

    answer = tensor_of(file_of(picture, exif=exif))

    assert answer[0, 0, :, 0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_pictures_of_every_mode_are_converted_to_rgb(mode: str):
    kind, content_type = ("JPEG", "image/jpeg") if mode == "CMYK" else ("PNG", "image/png")

    assert tensor_of(file_of(Image.new(mode, (5, 5)), kind), content_type).shape == (1, 3, 4, 4)


def test_a_palette_with_transparency_is_accepted():
    picture = Image.new("P", (5, 5))

    assert tensor_of(file_of(picture, transparency=bytes(range(256)))).shape == (1, 3, 4, 4)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "image/png"),
        (b"hello", "image/jpeg"),
        (file_of(Image.effect_noise((64, 64), 50))[:-200], "image/png"),
        (file_of(Image.effect_noise((64, 64), 50), "JPEG")[:-200], "image/jpeg"),
        (file_of(Image.new("RGB", (4, 4)), "JPEG"), "image/png"),
        (file_of(Image.new("RGB", (4, 4)), "GIF"), "image/png"),
    ],
)
def test_a_body_that_is_not_a_complete_picture_of_its_type_is_refused(body: bytes, kind: str):
    with pytest.raises(InvalidInput) as caught:
        tensor_of(body, kind)

    assert caught.value.tensor == TENSOR
    assert "0x" not in caught.value.detail


@pytest.mark.parametrize("side", [5001, 100_000])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(side: int):
    with pytest.raises(TooLarge) as caught:
        tensor_of(png_of(side, side))

    assert str(MAX_PIXELS) in caught.value.detail


def test_a_narrow_picture_that_has_too_many_pixels_after_resizing_is_refused():
    with pytest.raises(TooLarge):
        tensor_of(file_of(Image.new("RGB", (40_000, 1))), resize=256)


WHOLE = {
    "image/png": file_of(Image.effect_noise((9, 7), 50)),
    "image/jpeg": file_of(Image.effect_noise((9, 7), 50), "JPEG"),
}


@given(kind=st.sampled_from(list(WHOLE)), data=st.data())
def test_a_damaged_picture_gives_a_tensor_or_a_request_error(kind: str, data: st.DataObject):
    body = bytearray(WHOLE[kind])
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=6)):
        body[place] = data.draw(st.integers(0, 255))
    try:
        assert tensor_of(bytes(body), kind).shape == (1, 3, 4, 4)
    except RequestError as error:
        assert isinstance(error, InvalidInput | TooLarge)  # noqa: PT017 - one of two good ends
