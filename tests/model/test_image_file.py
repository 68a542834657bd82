import io
import json

import numpy as np
import pytest
from PIL import Image

from model.errors import ExportError
from model.image_file import EXAMPLE, KEYS, photograph, read
from model.preprocessing import preprocess

GOOD = json.loads(EXAMPLE)


def written(folder, content):
    (folder / "image.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder / "image.json"


def test_the_example_is_what_it_takes(tmp_path):
    image = read(written(tmp_path, EXAMPLE))
    assert (image.resize, image.crop, image.mean) == (256, (224, 224), (0.485, 0.456, 0.406))
    assert set(GOOD) <= set(KEYS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({**GOOD, "colour": "BGR"}, "colour is unknown"),
        ({**GOOD, "color": "CMYK"}, "color is 'CMYK': Input should be 'RGB', 'BGR' or 'grey'"),
        ({**GOOD, "fit": "squash"}, "resize belongs to the fit crop"),
        ({key: value for key, value in GOOD.items() if key != "resize"}, "resize belongs to the fit crop"),
        ({**GOOD, "color": "grey"}, "mean and std need 1 numbers for grey"),
        ({**GOOD, "fill": 256}, "fill is 256; give a value of 0 to 255"),
        ({**GOOD, "datatype": "UINT8"}, "scale must be 1, mean 0 and std 1"),
        ({**GOOD, "resample": "squash", "channels": 1}, "resample is unknown; channels is unknown"),
        (
            {key: value for key, value in GOOD.items() if key not in {"mean", "std"}},
            "mean is missing; std is",
        ),
        ({}, "input is missing; crop is missing"),
        ({**GOOD, "interpolation": "nearest"}, "interpolation is 'nearest': Input should be 'bilinear'"),
        ({**GOOD, "crop": 224}, "crop is 224: "),
        ({**GOOD, "mean": [0.5]}, "mean and std need 3 numbers for RGB"),
        ({**GOOD, "resize": 0}, "give pixels, 1 or more"),
        ({**GOOD, "std": [1, 1, 0]}, "none that is 0 as scale or std"),
        ([GOOD], "must hold an object"),
        ("{", "not JSON"),
    ],
)
def test_what_is_wrong_is_named_with_the_keys_and_an_example(tmp_path, content, message):
    with pytest.raises(ExportError, match=message) as refusal:
        read(written(tmp_path, content))
    assert f"An example: {EXAMPLE}" in str(refusal.value)
    assert "https://" not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"none\.json: No such file"):
        read(tmp_path / "none.json")


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff\xe0", b"hello"])
def test_what_is_no_photograph_is_refused(tmp_path, content):
    (tmp_path / "cat.jpg").write_bytes(content)
    with pytest.raises(ExportError, match=r"cat\.jpg: not a picture that can be read"):
        photograph(tmp_path / "cat.jpg", read(written(tmp_path, EXAMPLE)))


def test_a_picture_of_a_phone_is_kept_small_enough_to_send_and_the_input_is_made_of_the_kept_one(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "phone.jpg")
    image = read(written(tmp_path, EXAMPLE))

    png, array = photograph(tmp_path / "phone.jpg", image)

    assert len(png) < 8 * 2**20
    with Image.open(io.BytesIO(png)) as kept:
        assert kept.width / kept.height == pytest.approx(4 / 3, rel=1e-3)
        np.testing.assert_array_equal(preprocess(kept, image), array)


def test_a_picture_too_narrow_for_the_server_is_refused(tmp_path):
    Image.new("RGB", (20_000, 1)).save(tmp_path / "line.png")
    with pytest.raises(ExportError, match=r"line\.png: a picture of 20000x1 .* resized to 5120000x256"):
        photograph(tmp_path / "line.png", read(written(tmp_path, EXAMPLE)))


def test_a_picture_without_a_range_of_values_is_refused(tmp_path):
    Image.new("F", (9, 9)).save(tmp_path / "depth.tiff")
    with pytest.raises(ExportError, match=r"depth\.tiff: a picture of mode 'F' has no range of values"):
        photograph(tmp_path / "depth.tiff", read(written(tmp_path, EXAMPLE)))
