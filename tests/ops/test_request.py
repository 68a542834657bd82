import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ops import request as request_module
from ops.request import Request, requests_of
from tests.ops.conftest import Artifact, Programs, Service

URL = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def bodies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "the bodies"
    monkeypatch.setattr(request_module, "BODIES", folder)
    return folder


def by_title(artifact: Path) -> dict[str, Request]:
    return {request.title: request for request in requests_of(artifact)}


def test_every_kind_of_body_has_a_request(artifact: Artifact):
    requests = by_title(artifact(photograph=b"PNG"))

    assert list(requests) == ["picture", "JSON", "JSON instances", "raw values", "Open Inference Protocol"]
    assert json.loads(requests["JSON"].body) == [[1.0, 2.0]]
    assert json.loads(requests["JSON instances"].body) == {"instances": [[1.0, 2.0]]}
    assert requests["raw values"].body == np.array([1.0, 2.0], "<f8").tobytes()
    assert json.loads(requests["Open Inference Protocol"].body) == {
        "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}]
    }
    assert requests["Open Inference Protocol"].path == "/v2/models/tiny/infer"


def test_several_inputs_are_sent_by_name_and_never_as_raw_values(artifact: Artifact):
    folder = artifact()
    signature = json.loads((folder / "signature.json").read_text())
    inputs = [{"name": "x", "datatype": "FP64"}, {"name": "z", "datatype": "BYTES"}]
    (folder / "signature.json").write_text(json.dumps({**signature, "inputs": inputs}))
    np.savez(folder / "sample.npz", x=np.array([[1.0, 2.0]]), z=np.array([["a"]]))

    requests = by_title(folder)

    assert list(requests) == ["JSON", "JSON instances", "Open Inference Protocol"]
    assert json.loads(requests["JSON"].body) == {"x": [[1.0, 2.0]], "z": [["a"]]}
    assert json.loads(requests["JSON instances"].body) == {"instances": [{"x": [1.0, 2.0], "z": ["a"]}]}


def test_a_sample_without_a_batch_axis_is_sent_as_it_is(artifact: Artifact):
    folder = artifact()
    signature = json.loads((folder / "signature.json").read_text())
    inputs = [{"name": name, "datatype": "FP64", "batched": False} for name in ("state", "rate")]
    (folder / "signature.json").write_text(json.dumps({**signature, "inputs": inputs}))
    np.savez(folder / "sample.npz", state=np.array([[1.0, 2.0]]), rate=np.array(3.0))

    requests = by_title(folder)

    sample = {"state": [[1.0, 2.0]], "rate": 3.0}
    assert json.loads(requests["JSON"].body) == sample
    assert json.loads(requests["JSON instances"].body) == {"instances": [sample]}
    tensors = json.loads(requests["Open Inference Protocol"].body)["inputs"]
    assert [tensor["shape"] for tensor in tensors] == [[1, 2], []]


def test_a_picture_is_sent_if_the_artifact_has_one(artifact: Artifact):
    assert Request.of(artifact(photograph=b"PNG")).body == b"PNG"


def test_a_short_body_is_on_the_command_line(artifact: Artifact, bodies: Path):
    line = Request.of(artifact()).curl(URL)

    assert shlex.split(line) == [
        "curl",
        "-H",
        "Content-Type: application/json",
        "--data",
        "[[1.0, 2.0]]",
        f"{URL}/predict",
    ]
    assert not bodies.exists()


@pytest.mark.parametrize("title", ["raw values", "JSON"])
def test_a_body_that_is_long_or_binary_is_sent_from_a_file(
    artifact: Artifact, title: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(request_module, "LONGEST_ARGUMENT", 5)
    request = by_title(artifact())[title]
    words = shlex.split(request.curl(URL))

    assert words[3] == "--data-binary"
    assert Path(words[4].removeprefix("@")).read_bytes() == request.body


def test_the_file_of_another_version_is_overwritten(artifact: Artifact):
    request = by_title(artifact())["raw values"]
    request.file.parent.mkdir(parents=True)
    request.file.write_bytes(b"old")
    request.curl(URL)

    assert request.file.read_bytes() == request.body


def test_the_printed_command_sends_the_key_and_no_argument_has_it(
    artifact: Artifact, service: Service, programs: Programs
):
    service.key = "the-key-01234567"
    curl = shutil.which("curl")
    # Records its arguments, and then does what curl does.
    (programs.folder / "curl").write_text(
        f'#!/bin/sh\necho "$@" >> {programs.folder}/log\nexec {curl} "$@"\n'
    )
    (programs.folder / "curl").chmod(0o755)
    command = Request.of(artifact()).curl(service.url, needs_key=True)

    done = subprocess.run(
        ["bash", "-c", f"{command} --silent --fail"],
        env={**os.environ, "SLIPWAY_API_KEY": service.key},
        check=False,
    )

    assert done.returncode == 0
    assert service.key not in command + (programs.folder / "log").read_text()
