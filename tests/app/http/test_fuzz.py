"""Random requests get documented responses, and the server stays up."""

import gzip
import http.client
import json
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from onnx import helper

from app.http import problems
from tests.app.conftest import write_artifact
from tests.app.open_inference import ECHO, LENGTH, OCTETS, ROWS, TINY, VALUE, binary, packed
from tests.app.process import Process

PROBLEM = Draft202012Validator(problems.SCHEMA)
TESTS_OF_APP = Path(__file__).parents[1]
BOUNDED = settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Request(NamedTuple):
    path: str
    body: bytes
    headers: dict[str, str]


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Sends requests on one connection."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        request_headers = {"x-request-id": "1", **headers}
        self.connection.request("POST", path, body, request_headers)
        response = self.connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders() if name.lower() != "date"}
        return Reply(response.status, headers, response.read())


@pytest.fixture(scope="module")
def server(repository: Path, start_module: Callable[..., Process]) -> Process:
    server = start_module(repository, batch_size=4)
    server.wait_for("/health/ready")
    return server


@pytest.fixture(scope="module")
def client(server: Process) -> Iterator[Client]:
    client = Client(server.port)
    yield client
    client.connection.close()


def check(reply: Reply) -> None:
    """Check that a reply is a successful response or a problem as documented."""
    assert reply.status in {200, 400, 404, 413, 415, 504}, reply
    if reply.status == 200:
        return
    assert reply.headers["content-type"] == problems.MEDIA_TYPE
    content = json.loads(reply.body)
    PROBLEM.validate(content)
    assert content["status"] == reply.status
    assert "Traceback" not in content["detail"]
    assert len(reply.body) < 4096


def check_log(server: Process) -> None:
    assert not [line for line in server.logged() if line["level"] in ("ERROR", "CRITICAL")]
    assert httpx.get(f"{server.url}/health/live").status_code == 200


numbers = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=8)
structures = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
words = st.text("abcgzip/;=, -.0123456789", max_size=12)
heads = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from([*4 * ["application/json", OCTETS], "image/png", ""]),
        "content-encoding": st.sampled_from([*4 * ["identity"], "gzip", "deflate", "br"]),
        "accept-encoding": st.sampled_from(["gzip", "deflate;q=0", "*"]) | words,
        LENGTH: st.integers(0, 400).map(str) | words,
        "x-envoy-expected-rq-timeout-ms": st.sampled_from(["0", "9999"]) | words,
    },
)
few = st.sampled_from([0, 0, 0, 1, 2])
paths = st.sampled_from(["/predict", *(f"/v2/models/{name}/infer" for name in ("echo", "lookup", "tiny"))])
VALID: list[tuple[str, Any, bytes]] = [
    ("/predict", {tensor["name"]: tensor["data"] for tensor in ECHO}, b""),
    ("/predict", {"instances": [{tensor["name"]: tensor["data"] for tensor in ECHO}] * 2}, b""),
    ("/v2/models/tiny/infer", {"inputs": [TINY]}, b""),
    ("/v2/models/ragged/infer", {"inputs": [TINY], "parameters": {"binary_data_output": True}}, b""),
    ("/v2/models/lookup/infer", {"inputs": [ROWS, VALUE], "outputs": [{"name": "found"}], "id": "1"}, b""),
    (
        "/v2/models/echo/infer",
        {"inputs": [binary(tensor, len(packed(tensor["name"], tensor["data"]))) for tensor in ECHO]},
        b"".join(packed(tensor["name"], tensor["data"]) for tensor in ECHO),
    ),
]


def paths_in(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the keys and indices that lead to each value in a JSON structure."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [path, *(inner for key in keys for inner in paths_in(tree[key], (*path, key)))]


def with_change(tree: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Return a copy of a JSON structure with the value at a path changed."""
    if not path:
        return change(tree)
    copy = tree.copy()
    copy[path[0]] = with_change(tree[path[0]], path[1:], change)
    return copy


def replacement(value: Any) -> st.SearchStrategy[Any]:
    """Generate a replacement of a value: a similar one, one at a limit, or any other."""
    similar: list[Any] = [None]
    if isinstance(value, str):
        similar += ["", "x", "rows", "found", "FP16", "INT8", "BYTES", "BOOL", value * 2]
    elif isinstance(value, list):
        similar += [[], [value], value[::-1], value[1:], value * 2]
    elif isinstance(value, dict):
        similar += [{}, *({key: value[key] for key in value if key != removed} for removed in value)]
    else:
        similar += [0, 1, 2, 3, -1, 127, 128, 2**63 - 1, 2**63, 2**64, 10**400, 1e39, 1e308, not value]
    return st.sampled_from(similar) | structures


@st.composite
def mutated(draw: st.DrawFn) -> Request:
    """A valid request with up to two changes in its JSON, and up to two in its bytes."""
    path, tree, tail = draw(st.sampled_from(VALID))
    for _ in range(draw(few)):
        path_in_tree = draw(st.sampled_from(paths_in(tree)))
        tree = with_change(tree, path_in_tree, lambda value: draw(replacement(value)))
    head = json.dumps(tree).encode()
    headers = {LENGTH: str(len(head)), "content-type": OCTETS} if tail else {}
    body = head + tail
    for _ in range(draw(few)):
        position = draw(st.integers(0, len(body)))
        body = body[:position] + draw(st.binary(max_size=3)) + body[position + draw(st.integers(0, 3)) :]
    coding = draw(st.sampled_from([None, None, "gzip", "deflate"]))
    if coding:
        body = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
        headers["content-encoding"] = coding
    return Request(path, body, headers | draw(heads if draw(few) else st.just({})))


random_bytes = st.builds(Request, paths, st.binary(max_size=100), heads)
random_structures = st.builds(Request, paths, structures.map(lambda tree: json.dumps(tree).encode()), heads)


@pytest.mark.parametrize(
    "requests", [random_bytes, random_structures, mutated()], ids=["bytes", "structures", "mutated"]
)
def test_no_body_and_no_headers_cause_a_server_error(
    requests: st.SearchStrategy[Request], client: Client, server: Process
):
    @BOUNDED
    @given(requests)
    def send(request: Request) -> None:
        direct = client.post(*request)
        # A path with a query is answered through the application.
        through_app = client.post(f"{request.path}?x=1", request.body, request.headers)
        for reply in (direct, through_app):
            check(reply)
        # With a short deadline, either of the two may time out.
        if 504 not in (direct.status, through_app.status):
            assert direct == through_app

    send()
    check_log(server)


def test_the_unchanged_fuzz_requests_reach_the_models(client: Client):
    for path, tree, tail in VALID:
        head = json.dumps(tree).encode()
        assert client.post(path, head + tail, {LENGTH: str(len(head))}).status == 200


def test_schemathesis_finds_no_difference_from_the_openapi_document(
    start_module: Callable[..., Process], tmp_path: Path
):
    # A model that computes with every number, so that /predict accepts whatever the schema accepts.
    identity = write_artifact(
        tmp_path / "identity",
        [helper.make_node("Identity", ["x"], ["y"])],
        {},
        {"x": np.ones((1, 2), np.float32)},
        {"y": [-1, 2]},
    )
    server = start_module(identity)
    server.wait_for("/health/ready")
    document = httpx.get(f"{server.url}/openapi.json").json()
    # A schema cannot say how many bytes a body of raw values must have.
    del document["paths"]["/predict"]["post"]["requestBody"]["content"][OCTETS]
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    tool = Path(sys.executable).with_name("schemathesis")

    result = subprocess.run(
        [
            tool,
            "--no-color",
            f"--config-file={TESTS_OF_APP / 'schemathesis.toml'}",
            "run",
            tmp_path / "openapi.json",
            f"--url={server.url}",
            "--phases=examples,coverage,fuzzing",
            "--max-examples=15",
            "--seed=1",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    check_log(server)
