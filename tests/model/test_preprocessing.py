from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model.preprocessing import preprocess
from model.signature import ImageInput

SPECIFICATION = ImageInput(
    input="image",
    resize=8,
    crop=(4, 6),
    interpolation="bicubic",
    layout="NCHW",
    scale=1 / 255,
    mean=(0.5, 0.25, 0.0),
    std=(0.5, 0.25, 1.0),
)


def test_each_channel_is_scaled_and_normalised_on_its_own():
    tensor = preprocess(Image.new("RGB", (20, 10), (255, 0, 51)), SPECIFICATION)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 4, 6), np.float32)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [1.0, -1.0, 0.2], atol=1e-6)


def test_the_other_layout_holds_the_same_pixels():
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 17, 3), np.uint8))
    first = preprocess(photograph, SPECIFICATION)
    last = preprocess(photograph, replace(SPECIFICATION, layout="NHWC"))
    assert last.shape == (1, 4, 6, 3)
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), first)


@pytest.mark.parametrize("size", [(16, 8), (8, 16)])
def test_the_centre_is_kept_whichever_side_is_longer(size):
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[size[1] // 2 - 2 : size[1] // 2 + 2, size[0] // 2 - 3 : size[0] // 2 + 3] = 255
    tensor = preprocess(Image.fromarray(pixels), SPECIFICATION)
    np.testing.assert_allclose(tensor[0, 2], 1.0)


def test_the_shorter_side_is_resized_and_the_proportions_stay():
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[10:30, 25:55] = 255
    tensor = preprocess(Image.fromarray(pixels), SPECIFICATION)
    assert tensor[0, 2].min() > 0.8


def test_a_fine_pattern_is_averaged_and_not_skipped():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[::2] = 255
    tensor = preprocess(Image.fromarray(pixels), SPECIFICATION)
    np.testing.assert_allclose(tensor[0, 2], 0.5, atol=0.02)


def test_grey_and_transparent_pictures_become_three_channels():
    for mode in ("L", "RGBA", "P"):
        assert preprocess(Image.new(mode, (8, 8)), SPECIFICATION).shape == (1, 3, 4, 6)


def test_a_photograph_taken_sideways_is_turned_upright():
    pixels = np.zeros((16, 8, 3), np.uint8)
    pixels[:8] = 255
    sideways = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    sideways.getexif()[0x0112] = 6
    np.testing.assert_array_equal(
        preprocess(sideways, SPECIFICATION), preprocess(Image.fromarray(pixels), SPECIFICATION)
    )
