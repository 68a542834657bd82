"""Clients of the Open Inference Protocol as they are published, against the server as it runs."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from bench.errors import BenchError
from bench.tools import environment
from tests.app.conftest import VERSION
from tests.app.process import Process

KSERVE = Path(__file__).parent / "kserve"
CODINGS = [None, "gzip", "deflate"]


@pytest.fixture(scope="module")
def server(repository: Path, start_module: Callable[..., Process]) -> Process:
    server = start_module(repository, batch_size=512)
    server.wait_for("/health/ready")
    return server


@pytest.fixture(scope="module")
def client(server: Process) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=4) as client:
        yield client


def tensor(name: str, array: NDArray[Any], datatype: str, *, is_binary: bool = True) -> triton.InferInput:
    given = triton.InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array, binary_data=is_binary)
    return given


def wanted(*names: str, is_binary: bool = True) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput(name, binary_data=is_binary) for name in names]


def test_triton_reads_health_and_metadata(client: triton.InferenceServerClient):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("lookup")
    assert client.is_model_ready("lookup", VERSION)
    assert not client.is_model_ready("lookup", "none")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = client.get_model_metadata("lookup", VERSION)
    assert metadata["versions"] == [VERSION]
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["rows", "value"]
    assert [tensor["shape"] for tensor in metadata["outputs"]] == [[-1, 2, 2], [-1, 1]]


@pytest.mark.parametrize("answered", CODINGS, ids=lambda coding: f"answered-{coding or 'as-it-is'}")
@pytest.mark.parametrize("sent", CODINGS, ids=lambda coding: f"sent-{coding or 'as-it-is'}")
@pytest.mark.parametrize("is_binary", [False, True], ids=["JSON", "binary"])
def test_triton_infers_compressed_or_not(
    client: triton.InferenceServerClient, is_binary: bool, sent: str | None, answered: str | None
):
    # Long enough for an answer that is worth compressing.
    rows = np.tile(np.array([[3, 0], [1, 2]]), (256, 1))
    value = np.linspace(0, 1, 512, dtype=np.float32).reshape(512, 1)

    result = client.infer(
        "lookup",
        [tensor("rows", rows, "INT64", is_binary=is_binary), tensor("value", value, "FP32")],
        outputs=wanted("doubled", "found", is_binary=is_binary),
        request_id="one",
        request_compression_algorithm=sent,
        response_compression_algorithm=answered,
    )

    table = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.testing.assert_array_equal(result.as_numpy("found"), table[rows])
    np.testing.assert_array_equal(result.as_numpy("doubled"), 2 * value)
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("one", "lookup", VERSION)


@pytest.mark.parametrize("is_binary", [False, True], ids=["JSON", "binary"])
def test_triton_sends_and_gets_every_datatype(client: triton.InferenceServerClient, is_binary: bool):
    arrays: dict[str, NDArray[Any]] = {
        "BOOL": np.array([[True, False]]),
        **{f"INT{bits}": np.array([[-7, 7]], f"int{bits}") for bits in (8, 16, 32, 64)},
        **{f"UINT{bits}": np.array([[0, 2**bits - 1]], f"uint{bits}") for bits in (8, 16, 32, 64)},
        **{f"FP{bits}": np.array([[-0.5, 1.5]], f"float{bits}") for bits in (16, 32, 64)},
        "BYTES": np.array([["", "snö"]], np.object_),
    }
    # Triton's client has no JSON for FP16.
    inputs = [
        tensor(name, array, name, is_binary=is_binary or name == "FP16") for name, array in arrays.items()
    ]

    result = client.infer(
        "echo", inputs, outputs=wanted(*(f"{name}_out" for name in arrays), is_binary=is_binary)
    )

    for name, array in arrays.items():
        answer = result.as_numpy(f"{name}_out")
        if name == "BYTES" and is_binary:
            answer = np.vectorize(bytes.decode, otypes=[object])(answer)
        np.testing.assert_array_equal(answer, array)
        assert answer.dtype == array.dtype


def test_triton_infers_in_parallel(client: triton.InferenceServerClient):
    values = [np.full((1, 2, 3), number, np.float32) for number in range(32)]

    waiting = [
        client.async_infer("tiny", [tensor("x", value, "FP32")], model_version=VERSION) for value in values
    ]

    answers = [request.get_result().as_numpy("logits")[0, 1] for request in waiting]
    assert answers == [6 * number for number in range(32)]


def test_triton_gets_the_error_message(client: triton.InferenceServerClient):
    x = np.zeros((1, 3, 2), np.float32)

    with pytest.raises(InferenceServerException, match=r"input 'x' has the shape \[1, 3, 2\]; expected FP32"):
        client.infer("tiny", [tensor("x", x, "FP32")])
    with pytest.raises(InferenceServerException, match=r"no model 'none'; there are .*tiny"):
        client.get_model_metadata("none")
    with pytest.raises(InferenceServerException, match="deadline") as late:
        client.infer("tiny", [tensor("x", x.reshape(1, 2, 3), "FP32")], timeout=1)
    assert late.value.status() == "504"


@pytest.mark.timeout(600)
def test_kserve_reads_health_and_infers(server: Process):
    try:
        python = environment(KSERVE)
    except BenchError as error:
        command = f"python3.11 -m pip install --requirement {KSERVE / 'requirements.txt'}"
        pytest.skip(f"KServe's client needs an environment of its own; see why `{command}` fails: {error}")

    done = subprocess.run(
        [python, KSERVE / "client.py", server.url], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "live": True,
        "ready": True,
        "model ready": True,
        "unknown model ready": False,
        "answers": [
            {"id": "own-id", "model": "lookup", "doubled": [[1.0]], "found": [[[6.0, 7.0], [0.0, 1.0]]]}
        ]
        * 4,
        "refusal": "input 'value' is missing",
    }
