"""ONNX files of other people, out of packages of the package index, exported as they are and served.

Answers of the server are held against those of ONNX Runtime to the file itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageDraw

from app.tensors import DTYPES
from model.__main__ import main
from model.signature import Arrays
from tests.app.conftest import Client
from tests.app.open_inference import infer, outputs
from tests.wheels import unpacked

pytestmark = pytest.mark.slow

NAMES = {dtype: name for name, dtype in DTYPES.items()}
OCR = "rapidocr-onnxruntime==1.4.4"


@dataclass(frozen=True)
class File:
    """An ONNX file, with what it is asked."""

    package: str
    path: str
    requests: list[Arrays]
    """Inputs by name. The first one is the example of the export; others may have other lengths."""


def contents() -> Arrays:
    """Two files as magika reads them: their first and their last 1,024 bytes; 256 stands for none."""
    texts = [Path(__file__).read_bytes(), Path(str(onnxruntime.__file__)).read_bytes()]
    rows = [[*text[:1024], *text[-1024:]] for text in texts]
    return {"bytes": np.array([row + [256] * (2048 - len(row)) for row in rows], np.int32)}


def sound(frequency: float) -> Arrays:
    """36 milliseconds of a tone with the state of a recording that begins, as silero-vad takes them."""
    times = np.arange(576) / 16_000
    return {
        "input": np.sin(2 * np.pi * frequency * times, dtype=np.float32)[np.newaxis],
        "state": np.zeros((2, 1, 128), np.float32),
        "sr": np.array(16_000),
    }


def line(text: str, width: int, height: int = 48) -> Arrays:
    """Two pictures of a line of text: as it is, and with its colours inverted."""
    picture = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(picture).text((4, 4), text, "black", font_size=height * 0.7)
    pixels = np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1
    return {"x": np.stack([pixels, -pixels])}


FILES = {
    "magika": File("magika==1.0.3", "magika/models/standard_v3_3/model.onnx", [contents()]),
    "silero-vad": File("silero-vad==6.2.3", "silero_vad/data/silero_vad.onnx", [sound(220), sound(3000)]),
    "angle": File(
        OCR,
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        [line("Slipway", 192), line("Hello", 192)],
    ),
    "detection": File(
        OCR,
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
        [line("A", 64, 64), line("Words", 160, 96)],
    ),
    "recognition": File(
        OCR,
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
        [line("A", 48), line("Slipway 2026", 320)],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_from_the_package_index_is_served_as_onnx_runtime_computes_it(
    name: str, tmp_path: Path, client_of: Callable[..., Client]
):
    file = FILES[name]
    path = unpacked(file.package) / file.path
    np.savez(tmp_path / "example.npz", allow_pickle=False, **file.requests[0])

    options = ["--name", name, "--onnx", str(path), "--example", str(tmp_path / "example.npz")]
    assert main(["export", *options, "--output", str(tmp_path)]) == 0

    client = client_of(tmp_path / name / "latest")
    session: Any = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for request in file.requests:
        answer = outputs(infer(client, name, {"inputs": [tensor(*item) for item in request.items()]}))
        expected = session.run(list(answer), request)
        for values, array in zip(answer.values(), expected, strict=True):
            np.testing.assert_allclose(values, array.ravel(), atol=1e-6)


def tensor(name: str, array: Any) -> dict[str, Any]:
    """Return an array as a tensor of the Open Inference Protocol."""
    return {
        "name": name,
        "datatype": NAMES[array.dtype],
        "shape": list(array.shape),
        "data": array.ravel().tolist(),
    }
