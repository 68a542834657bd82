"""Clients that request long responses and do not read them, on a server with 512 MiB of memory."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest
from onnx import helper

from tests.app.conftest import write_artifact
from tests.app.memory_cgroup import MemoryCgroup, memory_cgroup_or_skip
from tests.app.process import Process

MEMORY_LIMIT = 512 * 2**20
WIDTH, ROWS = 50_000, 32
CLIENTS = 200


@pytest.fixture
def group() -> Iterator[MemoryCgroup]:
    with memory_cgroup_or_skip(MEMORY_LIMIT) as group:
        yield group


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that repeats its input number 50,000 times."""
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "wide",
        [helper.make_node("MatMul", ["x", "ones"], ["y"])],
        {"ones": np.ones((1, WIDTH), np.float32)},
        {"x": np.ones((1, 1), np.float32)},
        {"y": [-1, WIDTH]},
    )


@pytest.fixture
def server(group: MemoryCgroup, wide: Path, start: Callable[..., Process]) -> Process:
    server = start(wide, before=group.join, threads=1)
    server.wait_for("/health/ready")
    return server


def infer(*, binary: bool) -> bytes:
    tensor = {"name": "x", "shape": [ROWS, 1], "datatype": "FP32", "data": [0.123456] * ROWS}
    return json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": binary}}).encode()


def post(path: str, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (path.encode(), len(body), body)


REQUESTS = {
    "binary": post("/v2/models/wide/infer", infer(binary=True)),
    "json": post("/v2/models/wide/infer", infer(binary=False)),
    "through the application": post("/predict?x", json.dumps([[1]] * ROWS).encode()),
    "files": b"GET /swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n",
}


def send_without_reading(port: int, request: bytes, receive_buffer: int = 4096) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect(("127.0.0.1", port))
    client.sendall(request)
    return client


@pytest.mark.parametrize("kind", REQUESTS)
def test_unread_responses_do_not_fill_the_memory(kind: str, server: Process, group: MemoryCgroup):
    with ExitStack() as clients:
        for _ in range(CLIENTS):
            clients.enter_context(send_without_reading(server.port, REQUESTS[kind]))
        # The queue may be full: then the client must send its request again.
        transport = httpx.HTTPTransport(retries=3)
        with httpx.Client(transport=transport, base_url=server.url, timeout=60) as client:
            while (response := client.post("/predict", json=[[2.0]])).status_code == 503:
                assert response.headers["retry-after"]

        assert response.json()["predictions"] == [[2.0] * WIDTH]
        assert server.process.poll() is None
        assert group.kills == 0


def test_a_client_that_reads_slowly_gets_a_long_response_completely(server: Process):
    with send_without_reading(server.port, REQUESTS["json"], receive_buffer=2**18) as client:
        # The response is larger than the memory for unread responses, and another client gets one meanwhile.
        assert httpx.post(f"{server.url}/predict", json=[[2.0]] * ROWS, timeout=60).status_code == 200
        client.settimeout(60)
        received = b""
        while not received.endswith(b"]}]}"):
            piece = client.recv(2**20)
            assert piece, received[:300]
            received += piece

    content = json.loads(received.partition(b"\r\n\r\n")[2])
    assert np.allclose(content["outputs"][0]["data"], 0.123456)
    assert len(content["outputs"][0]["data"]) == ROWS * WIDTH
