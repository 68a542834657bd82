"""The export and the server fit and order the pixels of a picture alike, and as Pillow and torchvision do."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter

from app import signature as served
from app.protocols import photograph
from model import signature as exported
from model.preprocessing import preprocess

HEIGHT, WIDTH = 24, 40
BASE: dict[str, Any] = {
    "input": "image",
    "crop": [HEIGHT, WIDTH],
    "interpolation": "bilinear",
    "layout": "NHWC",
    "scale": 1,
    "mean": [0, 0, 0],
    "std": [1, 1, 1],
}
GREY = {"color": "grey", "mean": [0], "std": [1]}
SIZES = [(71, 53), (53, 71), (200, 8), (8, 200), (WIDTH, HEIGHT), (1, 1)]
"""Width and height."""


def picture(size: tuple[int, int]) -> Image.Image:
    pixels = np.random.default_rng(sum(size)).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


def both(size: tuple[int, int], image: dict[str, Any]) -> NDArray[Any]:
    """Return the input that both make of a picture, without the batch."""
    file = io.BytesIO()
    picture(size).save(file, "PNG")
    specification = served.ImageInput.model_validate(image)
    tensor = served.Tensor(name="image", datatype=specification.datatype, shape=specification.shape)
    of_server = photograph.decode(file.getvalue(), "image/png", specification, tensor)
    of_export = preprocess(picture(size), TypeAdapter(exported.ImageInput).validate_python(image))

    assert of_server.dtype == of_export.dtype
    assert of_server.shape == (1, *specification.shape[1:])
    np.testing.assert_array_equal(of_server, of_export)
    return of_server[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_a_squashed_picture_is_resized_to_the_input(size: tuple[int, int], interpolation: str):
    found = both(size, {**BASE, "fit": "squash", "interpolation": interpolation})

    expected = picture(size).resize((WIDTH, HEIGHT), Image.Resampling[interpolation.upper()])
    np.testing.assert_array_equal(found, np.asarray(expected))


@pytest.mark.parametrize("size", SIZES)
def test_a_squashed_picture_is_that_of_torchvision(size: tuple[int, int]):
    transforms: Any = pytest.importorskip(
        "torchvision.transforms", reason="torchvision is not installed here"
    )
    found = both(size, {**BASE, "fit": "squash"})

    np.testing.assert_array_equal(found, np.asarray(transforms.Resize((HEIGHT, WIDTH))(picture(size))))


@pytest.mark.parametrize(
    ("size", "place"),
    [
        # Wide: the full width, bars above and below.
        ((200, 60), (0, 6, 40, 12)),
        # High: the full height, bars at the sides.
        ((30, 60), (14, 0, 12, 24)),
        # Small: enlarged.
        ((10, 3), (0, 6, 40, 12)),
        # An odd bar is narrower on the left.
        ((35, 24), (2, 0, 35, 24)),
        # A sliver keeps one pixel.
        ((1, 2000), (19, 0, 1, 24)),
    ],
)
@pytest.mark.parametrize("fill", [0, 114])
def test_a_letterboxed_picture_keeps_its_proportions_between_bars(
    size: tuple[int, int], place: tuple[int, int, int, int], fill: int
):
    found = both(size, {**BASE, "fit": "letterbox", "fill": fill})

    left, top, width, height = place
    expected = np.full((HEIGHT, WIDTH, 3), fill, np.uint8)
    resized = picture(size).resize((width, height), Image.Resampling.BILINEAR)
    expected[top : top + height, left : left + width] = np.asarray(resized)
    np.testing.assert_array_equal(found, expected)


def test_bgr_is_rgb_in_the_other_order():
    rgb = both((71, 53), {**BASE, "fit": "squash"})
    image = {**BASE, "fit": "squash", "color": "BGR"}

    np.testing.assert_array_equal(both((71, 53), image), rgb[..., ::-1])
    # The factors are those of the channels in their new order.
    shifted = both((71, 53), {**image, "mean": [1, 2, 3]})
    np.testing.assert_array_equal(shifted, rgb[..., ::-1] - np.array([1, 2, 3], np.float32))


@pytest.mark.parametrize(("layout", "axis"), [("NCHW", 0), ("NHWC", 2)])
def test_grey_is_one_channel_as_pillow_weighs_the_colours(layout: str, axis: int):
    found = both((71, 53), {**BASE, **GREY, "fit": "squash", "layout": layout})

    expected = picture((71, 53)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR).convert("L")
    np.testing.assert_array_equal(found.squeeze(axis), np.asarray(expected))


@pytest.mark.parametrize("fit", [{"fit": "squash"}, {"fit": "letterbox"}, {"fit": "crop", "resize": 30}])
@pytest.mark.parametrize("color", [{}, {"color": "BGR"}, GREY])
def test_8_bits_are_the_pixels_themselves(fit: dict[str, Any], color: dict[str, Any]):
    numbers = both((71, 53), {**BASE, **fit, **color})
    found = both((71, 53), {**BASE, **fit, **color, "datatype": "UINT8"})

    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, numbers)
