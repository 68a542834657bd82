"""The content types, content encodings and sizes of request bodies."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from tests.app.http.checks import check_problem

SAMPLE = b"[[0, 0.1, 0.2], [0.3, 0.4, 0.5]]"


def test_json_is_accepted_with_content_type_parameters_and_without_a_content_type(
    tiny: Path, client_of: Callable
):
    client = client_of(tiny)

    assert client.predict(SAMPLE, "Application/JSON; charset=utf-8").status_code == 200
    assert client.request("POST", "/predict", content=SAMPLE).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "image/png", "image/gif", "multipart/form-data; boundary=x"]
)
def test_an_unsupported_content_type_is_refused_with_the_supported_ones(
    tiny: Path, client_of: Callable, content_type: str
):
    response = client_of(tiny).predict(SAMPLE, content_type)

    check_problem(response, 415)
    assert response.headers["accept-post"] == "application/json, application/octet-stream"


def test_a_refused_content_type_lists_pictures_if_the_model_accepts_them(colours: Path, client_of: Callable):
    response = client_of(colours).predict(b"x", "image/gif")

    assert response.headers["accept-post"] == (
        "application/json, application/octet-stream, image/jpeg, image/png"
    )


@pytest.mark.parametrize("content_type", ["image/jpg", "image/pjpeg", "Image/JPEG; q=1"])
def test_a_jpeg_is_accepted_with_unofficial_content_types(
    colours: Path, client_of: Callable, picture: Callable, content_type: str
):
    assert client_of(colours).predict(picture((255, 0, 0), "JPEG"), content_type).status_code == 200


@pytest.mark.parametrize(
    ("kind", "content_type", "expected_hint"),
    [
        ("JPEG", "image/png", "content-type: image/jpeg"),
        ("PNG", "image/jpeg", "content-type: image/png"),
        ("JPEG", "", "content-type: image/jpeg"),
        ("PNG", "application/json", "content-type: image/png"),
    ],
)
def test_a_picture_with_a_wrong_content_type_is_refused_with_the_right_one(
    colours: Path, client_of: Callable, picture: Callable, kind: str, content_type: str, expected_hint: str
):
    content = check_problem(client_of(colours).predict(picture((255, 0, 0), kind), content_type), 400)

    assert expected_hint in content["detail"]


@pytest.mark.parametrize("body", [b"GIF89a", b"\x00\x00\x80\x3f", b"x=1&y=2", b"RIFF\x00WEBP", b"\xff\xfe["])
def test_a_body_that_does_not_start_as_json_is_refused_with_a_hint_at_the_content_type(
    tiny: Path, client_of: Callable, body: bytes
):
    response = client_of(tiny).request("POST", "/predict", content=body)

    assert "content-type" in check_problem(response, 400)["detail"]
    assert "content-type" not in check_problem(client_of(tiny).predict(b"[1,"), 400)["detail"]


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_body_is_accepted(tiny: Path, client_of: Callable, coding: str, compress: Callable):
    response = client_of(tiny).predict(compress(SAMPLE), **{"content-encoding": coding})

    assert response.status_code == 200
    assert response.json() == client_of(tiny).predict(SAMPLE).json()


@pytest.mark.parametrize("coding", ["x-gzip", "gzip, identity"])
def test_gzip_is_accepted_with_its_other_names(tiny: Path, client_of: Callable, coding: str):
    body = gzip.compress(SAMPLE)

    assert client_of(tiny).predict(body, **{"content-encoding": coding}).status_code == 200


def test_an_unsupported_content_encoding_is_refused_with_the_supported_ones(tiny: Path, client_of: Callable):
    response = client_of(tiny).predict(SAMPLE, **{"content-encoding": "br"})

    check_problem(response, 415)
    assert response.headers["accept-encoding"] == "gzip, deflate, identity"


def test_a_body_that_is_not_valid_in_its_content_encoding_is_refused(tiny: Path, client_of: Callable):
    client = client_of(tiny)

    assert (
        "not valid gzip"
        in check_problem(client.predict(SAMPLE, **{"content-encoding": "gzip"}), 400)["detail"]
    )
    truncated = gzip.compress(SAMPLE)[:-9]
    assert (
        "ends early"
        in check_problem(client.predict(truncated, **{"content-encoding": "gzip"}), 400)["detail"]
    )


def test_a_compressed_body_without_content_encoding_is_refused_with_a_hint(tiny: Path, client_of: Callable):
    content = check_problem(client_of(tiny).predict(gzip.compress(SAMPLE)), 400)

    assert "content-encoding: gzip" in content["detail"]


def test_a_small_body_that_decompresses_to_a_huge_one_is_too_large(tiny: Path, client_of: Callable):
    bomb = gzip.compress(b" " * 1_000_000)
    assert len(bomb) < 2000

    response = client_of(tiny, max_body_bytes=2000).predict(bomb, **{"content-encoding": "gzip"})

    assert "larger than 2000 bytes" in check_problem(response, 413)["detail"]


def test_a_large_body_is_refused_because_of_its_declared_length(tiny: Path, client_of: Callable):
    client = client_of(tiny, max_body_bytes=100)

    assert client.predict(SAMPLE + b" " * (100 - len(SAMPLE))).status_code == 200
    assert "100 bytes" in check_problem(client.predict(SAMPLE + b" " * 100), 413)["detail"]


def test_a_large_body_of_unknown_length_is_refused_while_it_arrives(tiny: Path, client_of: Callable):
    chunks = 0

    async def endless_body() -> AsyncIterator[bytes]:
        nonlocal chunks
        for _ in range(1000):
            chunks += 1
            yield b" " * 50

    check_problem(client_of(tiny, max_body_bytes=100).predict(endless_body()), 413)  # pyright: ignore[reportArgumentType]
    assert chunks == 3


def test_raw_values_get_the_same_response_as_the_same_values_in_json(tiny: Path, client_of: Callable):
    client = client_of(tiny)
    values = np.arange(12, dtype="<f4").reshape(2, 6)

    response = client.predict(values.tobytes(), "application/octet-stream")

    assert response.status_code == 200
    assert response.json() == client.predict(json.dumps(values.tolist()).encode()).json()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "0 octets"),
        (b"1234567", "7 octets, but a sample has 24"),
        (np.array([0, 0, 0, 0, np.nan, 0], "<f4").tobytes(), "not finite at [0][1][1]"),
    ],
)
def test_raw_values_that_are_not_valid_samples_are_refused(
    tiny: Path, client_of: Callable, body: bytes, reason: str
):
    response = client_of(tiny).predict(body, "application/octet-stream")

    content = check_problem(response, 400)
    assert reason in content["detail"]
    assert content["tensor"] == "x"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", b"[0,0,0,0,0,0]"),
        ("/predict", b"[[[0,0,0],[0,0,0]]]"),
        ("/predict", b'{"instances":[[0,0,0,0,0,0]]}'),
        (
            "/v2/models/tiny/infer",
            b'{"inputs":[{"name":"x","shape":[1,2,3],"datatype":"FP32","data":[0,0,0,0,0,0]}]}',
        ),
    ],
)
def test_a_byte_order_mark_before_json_is_ignored(tiny: Path, client_of: Callable, path: str, body: bytes):
    # RFC 8259, section 8.1.
    client = client_of(tiny)

    without_mark, with_mark = (
        client.request("POST", path, content=mark + body) for mark in (b"", b"\xef\xbb\xbf")
    )

    assert (without_mark.status_code, with_mark.status_code) == (200, 200)
    assert without_mark.content == with_mark.content
