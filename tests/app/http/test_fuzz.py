"""Whatever is sent, the answer is one that is documented, and the server goes on."""

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
HERE = Path(__file__).parents[1]
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


class Talk:
    """Requests over one connection."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        self.connection.request("POST", path, body, {"x-request-id": "1", **headers})
        response = self.connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders() if name.lower() != "date"}
        return Reply(response.status, named, response.read())


@pytest.fixture(scope="module")
def server(repository: Path, start_module: Callable[..., Process]) -> Process:
    server = start_module(repository, batch_size=4)
    server.wait_for("/health/ready")
    return server


@pytest.fixture(scope="module")
def talk(server: Process) -> Iterator[Talk]:
    talk = Talk(server.port)
    yield talk
    talk.connection.close()


def check(reply: Reply) -> None:
    """See that it is an answer, or a problem as documented."""
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
rarely = st.sampled_from([0, 0, 0, 1, 2])
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


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where there is something in a JSON structure."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [at, *(place for key in keys for place in places(tree[key], (*at, key)))]


def replaced(tree: Any, at: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not at:
        return change(tree)
    copied = tree.copy()
    copied[at[0]] = replaced(tree[at[0]], at[1:], change)
    return copied


def other(value: Any) -> st.SearchStrategy[Any]:
    """Return what may stand in place of a value: near it, at an edge of what is allowed, or anything."""
    near: list[Any] = [None]
    if isinstance(value, str):
        near += ["", "x", "rows", "found", "FP16", "INT8", "BYTES", "BOOL", value * 2]
    elif isinstance(value, list):
        near += [[], [value], value[::-1], value[1:], value * 2]
    elif isinstance(value, dict):
        near += [{}, *({key: value[key] for key in value if key != gone} for gone in value)]
    else:
        near += [0, 1, 2, 3, -1, 127, 128, 2**63 - 1, 2**63, 2**64, 10**400, 1e39, 1e308, not value]
    return st.sampled_from(near) | structures


@st.composite
def mutated(draw: st.DrawFn) -> Request:
    """A request that was right, with one or two members or bytes of it changed."""
    path, tree, tail = draw(st.sampled_from(VALID))
    for _ in range(draw(rarely)):
        at = draw(st.sampled_from(places(tree)))
        tree = replaced(tree, at, lambda value: draw(other(value)))
    head = json.dumps(tree).encode()
    headers = {LENGTH: str(len(head)), "content-type": OCTETS} if tail else {}
    body = head + tail
    for _ in range(draw(rarely)):
        first = draw(st.integers(0, len(body)))
        body = body[:first] + draw(st.binary(max_size=3)) + body[first + draw(st.integers(0, 3)) :]
    coding = draw(st.sampled_from([None, None, "gzip", "deflate"]))
    if coding:
        body = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
        headers["content-encoding"] = coding
    return Request(path, body, headers | draw(heads if draw(rarely) else st.just({})))


plain = st.builds(Request, paths, st.binary(max_size=100), heads)
anything = st.builds(Request, paths, structures.map(lambda tree: json.dumps(tree).encode()), heads)


@pytest.mark.parametrize("requests", [plain, anything, mutated()], ids=["bytes", "structures", "mutated"])
def test_no_body_and_no_header_make_the_server_fail_on_either_way(
    requests: st.SearchStrategy[Request], talk: Talk, server: Process
):
    @BOUNDED
    @given(requests)
    def send(request: Request) -> None:
        direct = talk.post(*request)
        # A query leads through the application.
        routed = talk.post(f"{request.path}?x=1", request.body, request.headers)
        for reply in (direct, routed):
            check(reply)
        # Whether a deadline that is nearly over is met is a matter of luck.
        if 504 not in (direct.status, routed.status):
            assert direct == routed

    send()
    check_log(server)


def test_the_fuzz_reaches_the_model(talk: Talk):
    for path, tree, tail in VALID:
        head = json.dumps(tree).encode()
        assert talk.post(path, head + tail, {LENGTH: str(len(head))}).status == 200


def test_schemathesis_finds_nothing_that_is_not_as_documented(
    start_module: Callable[..., Process], tmp_path: Path
):
    # Any number that fits is answered: /predict accepts whatever the schema does.
    same = write_artifact(
        tmp_path / "same",
        [helper.make_node("Identity", ["x"], ["y"])],
        {},
        {"x": np.ones((1, 2), np.float32)},
        {"y": [-1, 2]},
    )
    server = start_module(same)
    server.wait_for("/health/ready")
    document = httpx.get(f"{server.url}/openapi.json").json()
    # No schema can say of octets how many they are, and all else that fits is to be accepted.
    del document["paths"]["/predict"]["post"]["requestBody"]["content"][OCTETS]
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    tool = Path(sys.executable).with_name("schemathesis")

    done = subprocess.run(
        [
            tool,
            "--no-color",
            f"--config-file={HERE / 'schemathesis.toml'}",
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
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    check_log(server)
