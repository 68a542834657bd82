"""The export and the server make the same input of a photograph, and torchvision makes the same."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from app import signature as served
from app.errors import InvalidInput
from app.protocols import photograph
from model import signature as exported
from model.errors import ExportError
from model.preprocessing import preprocess
from tests.contract.photographs import GOLDEN, Case, cases, digest, picture

CASES = list(cases())
EXPECTED = json.loads(GOLDEN.read_text())


def exported_input(body, image):
    specification = TypeAdapter(exported.ImageInput).validate_python(image)
    with Image.open(io.BytesIO(body)) as picture:
        return preprocess(picture, specification)


def served_input(body, image):
    specification = served.ImageInput.model_validate(image)
    tensor = served.Tensor(name="image", datatype="FP32", shape=specification.shape)
    kind = "image/png" if body.startswith(b"\x89PNG") else "image/jpeg"
    return photograph.decode(body, kind, specification, tensor)


def test_every_case_has_an_expected_output_from_torchvision():
    assert [case.name for case in CASES] == list(EXPECTED)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_photograph_becomes_the_same_input_as_with_torchvision(case):
    body = case.file()

    assert digest(exported_input(body, case.image)) == EXPECTED[case.name]
    assert digest(served_input(body, case.image)) == EXPECTED[case.name]


@pytest.mark.parametrize(
    "change", [{"layout": "NHWC"}, {"scale": 1.0}, {"mean": [0, 0, 0], "std": [1, 2, 3]}]
)
def test_both_sides_scale_and_lay_out_pixels_alike(change):
    case = Case((71, 53))

    ours = exported_input(case.file(), case.image | change)

    assert np.array_equal(ours, served_input(case.file(), case.image | change))
    assert digest(ours) != EXPECTED[case.name]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


IDENTITY = Case((256, 256), resize=256, crop=(256, 256)).image | {
    "scale": 1,
    "mean": [0, 0, 0],
    "std": [1, 1, 1],
}


@pytest.mark.parametrize("as_input", [exported_input, served_input])
def test_every_16_bit_grey_becomes_the_8_bit_grey_of_the_png_specification(as_input):
    wide = np.arange(65536, dtype=np.uint16).reshape(256, 256)

    grey = as_input(png(wide), IDENTITY)[0]

    # The PNG specification, 13.12: floor(sample * MAXOUTSAMPLE / MAXINSAMPLE + 0.5).
    assert np.array_equal(grey[0], np.floor(wide * (255 / 65535) + 0.5))
    assert np.array_equal(grey[0], grey[1])
    assert np.array_equal(grey[0], grey[2])


@pytest.mark.parametrize("as_input", [exported_input, served_input])
def test_8_bit_grey_at_16_bits_is_the_same_picture(as_input):
    case = Case((131, 97), "L")
    with Image.open(io.BytesIO(case.file())) as picture:
        wide = np.asarray(picture).astype(np.uint16) * 257

    assert np.array_equal(as_input(png(wide), case.image), as_input(case.file(), case.image))


ORIENTATIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The rotation that turns a picture upright, by the EXIF tag Orientation: JEITA CP-3451, 4.6.4."""


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("as_input", [exported_input, served_input])
def test_a_picture_is_rotated_by_its_exif_orientation(as_input, orientation):
    case = Case((71, 53))
    with Image.open(io.BytesIO(case.file())) as picture:
        turn = ORIENTATIONS[orientation]
        upright = picture.transpose(turn) if turn is not None else picture.copy()
        exif = picture.getexif()
        exif[0x0112] = orientation
        held, expected = io.BytesIO(), io.BytesIO()
        picture.save(held, "PNG", exif=exif)
        upright.save(expected, "PNG")

    assert np.array_equal(as_input(held.getvalue(), case.image), as_input(expected.getvalue(), case.image))


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_both_sides_convert_a_transparent_colour_alike(mode):
    file = io.BytesIO()
    transparency = (1, 2, 3) if mode == "RGB" else 1
    picture((71, 53), mode).save(file, "PNG", transparency=transparency)
    image = Case((71, 53)).image

    assert np.array_equal(exported_input(file.getvalue(), image), served_input(file.getvalue(), image))


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 2, "quality": 40}])
def test_both_sides_decode_a_jpeg_alike(options):
    file = io.BytesIO()
    picture((451, 300), "RGB").save(file, "JPEG", **options)
    image = Case((451, 300)).image

    assert np.array_equal(exported_input(file.getvalue(), image), served_input(file.getvalue(), image))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_without_a_range_are_refused_and_not_cut_off(mode):
    tensor = served.Tensor(name="image", datatype="FP32", shape=(-1, 3, 56, 56))
    with pytest.raises(ExportError, match="has no range of values: save it with 8 or 16 bits"):
        exported_input(tiff(mode), Case((9, 9)).image)
    with pytest.raises(InvalidInput, match="has no fixed range of values; send 8 or 16 bits"):
        photograph._rgb(Image.new(mode, (9, 9)), tensor)


def tiff(mode):
    file = io.BytesIO()
    Image.new(mode, (9, 9)).save(file, "TIFF")
    return file.getvalue()
