"""The largest of everything that a client may send, all at once, against a server in 512 MiB.

The bounds are those of docs/limits.md. It needs a memory cgroup, so root on a machine that lets it make one.
SLIPWAY_MEMORY_ARTIFACT names another artifact of photographs, such as an exported EfficientNet-Lite0.
"""

import gzip
import http.client
import io
import os
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import httpx
import numpy as np
import pytest
from onnx import helper
from PIL import Image

from tests.app.conftest import write_artifact
from tests.app.memory_cgroup import MemoryCgroup, memory_cgroup_or_skip
from tests.app.process import Process

pytestmark = pytest.mark.serial

LIMIT = 512 * 2**20
BODY = 8 * 2**20
SECONDS = 20
JSON, OCTETS, JPEG, PNG = "application/json", "application/octet-stream", "image/jpeg", "image/png"

Request = tuple[str, str, bytes, dict[str, str]]
"""Path, content type, body and more headers."""


@pytest.fixture(scope="module")
def group() -> Iterator[MemoryCgroup]:
    with memory_cgroup_or_skip(LIMIT) as group:
        yield group


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of photographs of 224 by 224, whose weights and work take as much as EfficientNet-Lite0's."""
    if (path := os.environ.get("SLIPWAY_MEMORY_ARTIFACT")) is not None:
        return Path(path).resolve()
    numbers = np.random.default_rng(0)
    weights = {
        "wide": numbers.normal(size=(96, 3, 3, 3)).astype(np.float32),
        "table": numbers.normal(size=(96 * 14 * 14, 256)).astype(np.float32) / 100,
    }
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "photographs",
        [
            helper.make_node("Conv", ["image", "wide"], ["widened"], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["widened"], ["positive"]),
            helper.make_node("MaxPool", ["positive"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Flatten", ["small"], ["flat"]),
            helper.make_node("MatMul", ["flat", "table"], ["scores"]),
        ],
        weights,
        {"image": numbers.normal(size=(1, 3, 224, 224)).astype(np.float32)},
        {"scores": [-1, 256]},
        labels=[f"label {index}" for index in range(256)],
        image={
            "input": "image",
            "resize": 256,
            "crop": [224, 224],
            "interpolation": "bicubic",
            "layout": "NCHW",
            "scale": 1 / 255,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        },
    )


@pytest.fixture(scope="module")
def server(group: MemoryCgroup, photographs: Path, start_module: Callable[..., Process]) -> Process:
    server = start_module(photographs, before=group.join, threads=1)
    server.wait_for("/health/ready")
    return server


def file_of(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def photograph(width: int, height: int, mode: str = "RGB") -> Image.Image:
    small = Image.effect_noise((width // 16, height // 16), 60)
    return small.resize((width, height), Image.Resampling.BILINEAR).convert(mode)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def sliver() -> bytes:
    """A picture of 1 by 25 million pixels, whose rows take more than its pixels."""
    rows = 25_000_000
    pixels = zlib.compress(bytes(2 * rows), 9)
    header = struct.pack(">IIBBBBB", 1, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def texts() -> bytes:
    """A small picture with a megabyte of text, many times over."""
    whole = file_of(Image.new("RGB", (8, 8)), "PNG")
    head, rest = whole[:33], whole[33:]
    text = zlib.compress(bytes(2**20 - 1), 9)
    return head + b"".join(chunk(b"zTXt", b"t%d\0\0" % index + text) for index in range(64)) + rest


def filled(part: bytes, size: int = BODY) -> bytes:
    """A JSON list of as many parts as fit."""
    return b"[" + b",".join([part] * ((size - 2) // (len(part) + 1))) + b"]"


@cache
def pictures() -> dict[str, Request]:
    large = photograph(5712, 4284)
    bodies = {
        "24 MP": (JPEG, file_of(large, "JPEG", quality=80)),
        "24 MP, turned": (JPEG, file_of(large, "JPEG", quality=80, exif=turned())),
        "24 MP, progressive": (JPEG, file_of(large, "JPEG", quality=80, progressive=True)),
        "24 MP, 4:4:4, progressive": (JPEG, file_of(large, "JPEG", subsampling=0, progressive=True)),
        "12 MP, turned": (JPEG, file_of(photograph(4032, 3024), "JPEG", exif=turned())),
        "CMYK": (JPEG, file_of(photograph(5000, 5000, "L").convert("CMYK"), "JPEG")),
        "RGB": (PNG, file_of(Image.new("RGB", (5000, 5000)), "PNG")),
        "RGBA": (PNG, file_of(Image.new("RGBA", (5000, 5000), (1, 2, 3, 4)), "PNG")),
        "LA": (PNG, file_of(Image.new("LA", (5000, 5000)), "PNG")),
        "16 bit": (PNG, file_of(Image.new("I;16", (5000, 5000)), "PNG")),
        "1 bit": (PNG, file_of(Image.new("1", (5000, 5000)), "PNG")),
        "a sliver": (PNG, sliver()),
        "texts": (PNG, texts()),
    }
    return {name: ("/predict", kind, body, {}) for name, (kind, body) in bodies.items()}


def lists() -> dict[str, Request]:
    parts = (b"{}", b"[]", b"[0]", b"0", b"0.5", b'"ab"', b"[[[]]]", b'{"a":0}', b"1e9999", b"null", b"-1")
    found: dict[str, Request] = {}
    for part in parts:
        body = filled(part)
        found[f"{part!r}"] = "/predict", JSON, body, {}
        packed = {"content-encoding": "gzip"}
        found[f"{part!r}, packed"] = "/predict", JSON, gzip.compress(body, 9), packed
        found[f"{part!r}, instances"] = "/predict", JSON, b'{"instances":' + body[:-14] + b"]}", {}
    return found


def tensors(name: str) -> dict[str, Request]:
    def infer(inputs: bytes) -> Request:
        return f"/v2/models/{name}/infer", JSON, inputs[: BODY - 1], {}

    tensor = b'{"name":"image","shape":[1,3,224,224],"datatype":"FP32","data":%b}'
    smallest = tensor % b"[0]"
    return {
        "data": infer(b'{"inputs":[' + tensor % filled(b"0", BODY - 200) + b"]}"),
        "deep data": infer(b'{"inputs":[' + tensor % filled(b"[[0]]", BODY - 200) + b"]}"),
        "inputs": infer(b'{"inputs":' + filled(smallest, BODY - 200) + b"}"),
        "shape": infer(b'{"inputs":[{"name":"image","shape":' + filled(b"9999", BODY - 200) + b"}]}"),
        "outputs": infer(b'{"inputs":[],"outputs":' + filled(b'{"name":"a"}', BODY - 200) + b"}"),
        "octets": ("/predict", OCTETS, bytes(13 * 3 * 224 * 224 * 4), {}),
    }


def ask(server: Process, request: Request) -> int:
    path, kind, body, headers = request
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("POST", path, body, {"content-type": kind, **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_the_largest_requests_of_all_kinds_at_once_do_not_end_the_process(
    server: Process, group: MemoryCgroup, photographs: Path
):
    honest: Request = ("/predict", JPEG, file_of(photograph(640, 480), "JPEG"), {})
    before = honest_answer(server, honest)
    at_rest = group.peak_bytes
    requests = {**pictures(), **lists(), **tensors(photographs.name)}
    if "SLIPWAY_MEMORY_ARTIFACT" in os.environ:
        requests |= tensors(before["model_name"])
    codes: dict[str, Counter[int]] = {name: Counter() for name in requests}
    ends = time.monotonic() + SECONDS
    stop = threading.Event()

    def attack(names: list[str]) -> None:
        while time.monotonic() < ends:
            for name in names:
                codes[name][ask(server, requests[name])] += 1

    probes: list[int] = []

    def probe() -> None:
        while not stop.wait(0.2):
            probes.append(httpx.get(f"{server.url}/health/live", timeout=20).status_code)

    names = list(requests)
    threads = [threading.Thread(target=attack, args=(names[first::8],)) for first in range(8)]
    threads.append(threading.Thread(target=probe))
    for thread in threads:
        thread.start()
    for thread in threads[:-1]:
        thread.join()
    stop.set()
    threads[-1].join()

    assert server.process.poll() is None, server.log.read_text()[-2000:]
    assert group.kills == 0
    assert set(probes) == {200}
    assert all(codes.values()), codes
    assert {code for counter in codes.values() for code in counter} <= {200, 400, 413, 503, 504}, codes
    # What a phone takes is answered, not refused for its size; it may have to wait, or come again.
    for name in ("24 MP", "24 MP, turned", "12 MP, turned", "RGBA"):
        assert set(codes[name]) <= {200, 503, 504}, (name, codes[name])
    assert sum(codes["12 MP, turned"][code] for code in (200,)) > 0
    assert honest_answer(server, honest) == before
    print(f"at rest {at_rest >> 20} MiB, peak {group.peak_bytes >> 20} MiB, {codes}")  # noqa: T201 - for -s


def honest_answer(server: Process, request: Request) -> dict:
    path, kind, body, _ = request
    response = httpx.post(f"{server.url}{path}", content=body, headers={"content-type": kind}, timeout=20)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    "name", ["24 MP", "24 MP, turned", "24 MP, progressive", "RGBA", "LA", "1 bit", "CMYK"]
)
def test_every_allowed_picture_is_answered_within_the_memory_limit(server: Process, name: str):
    assert ask(server, pictures()[name]) == 200


def test_many_clients_with_a_photograph_each_are_all_answered(server: Process, group: MemoryCgroup):
    body = file_of(photograph(3264, 2448), "JPEG", quality=95)
    codes: Counter[int] = Counter()

    def client() -> None:
        codes[ask(server, ("/predict", JPEG, body, {}))] += 1

    threads = [threading.Thread(target=client) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(codes) <= {200, 503, 504}
    assert codes[200] > 0
    assert group.kills == 0
