"""Requests with and without an API key: directly to the model, and through the application."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.http.wire import (
    BOTH_PATHS,
    HEAD,
    connect,
    post,
    read_metric,
    read_only_problem,
    read_responses,
    read_statuses,
    rejected_requests,
)
from tests.app.process import SAMPLE, Process

KEY, OTHER = "a-key-of-this-test", "another-key_0123+/=="
BEARER = b"authorization: Bearer " + KEY.encode()
OPEN = ["/", "/docs", "/openapi.json", "/web/page.js", "/web/model.json", "/swagger-ui/swagger-ui.css"]
PROBES = ["/health", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"]

pytestmark = pytest.mark.serial


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(f"{KEY}\n{OTHER}\n")
    return path


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process], keys: Path) -> Process:
    server = start_module(api_keys_path=keys, log_level="debug")
    server.wait_for("/health/ready")
    return server


def ask(server: Process, path: bytes, *header_lines: bytes) -> Any:
    with connect(server) as connection:
        connection.sendall(post(path, SAMPLE, *header_lines))
        (response,) = read_responses(connection, 1)
    return response


def statuses(server: Process, key: str) -> dict[str, int]:
    """Return the status of a prediction with a key, directly and through the application."""
    headers = {"x-api-key": key}
    return {
        path: httpx.post(server.url + path, content=SAMPLE, headers=headers).status_code
        for path in ("/predict", "/predict?x")
    }


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@BOTH_PATHS
@pytest.mark.parametrize(
    "header",
    [
        b"authorization: Bearer " + KEY.encode(),
        b"Authorization: bearer " + KEY.encode(),
        b"AUTHORIZATION: BEARER   " + KEY.encode() + b"  ",
        b"authorization: Bearer " + OTHER.encode(),
        b"X-API-Key: " + KEY.encode(),
        b"x-api-key:\t" + OTHER.encode() + b"\t",
    ],
)
def test_a_key_is_accepted_in_either_header(server: Process, path: bytes, header: bytes):
    assert ask(server, path, header).status == 200


@BOTH_PATHS
@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"x: y", "key_missing"),
        (b"authorization: Basic " + KEY.encode(), "key_missing"),
        (b"authorization: " + KEY.encode(), "key_missing"),
        (b"cookie: x-api-key=" + KEY.encode(), "key_missing"),
        (b"authorization: Bearer", "key_wrong"),
        (b"x-api-key:", "key_wrong"),
        (b"x-api-key: " + KEY[:-1].encode(), "key_wrong"),
        (b"x-api-key: " + KEY.encode() + b"x", "key_wrong"),
        (b"x-api-key: " + KEY.upper().encode(), "key_wrong"),
        (b"x-api-key: " + f"{KEY},{OTHER}".encode(), "key_wrong"),
        (b"x-api-key: Bearer " + KEY.encode(), "key_wrong"),
        (b"x-api-key: \xff\xfe", "key_wrong"),
        (b"authorization: Bearer \xc3\xbc" + KEY.encode(), "key_wrong"),
        (b"authorization: Bearer " + b"x" * 60_000, "key_wrong"),
    ],
)
def test_any_other_request_gets_401_that_says_how_to_send_a_key(
    server: Process, path: bytes, header: bytes, reason: str
):
    counted = rejected_requests(server, reason)

    response = ask(server, path, header)

    problem = json.loads(response.body)
    assert (response.status, problem["status"]) == (401, 401)
    assert "`Authorization: Bearer KEY` or as `X-API-Key: KEY`" in problem["detail"]
    # RFC 6750, section 3: without a key there is no error code.
    error = "" if reason == "key_missing" else ', error="invalid_token"'
    assert response.headers["www-authenticate"] == f'Bearer realm="slipway"{error}'
    assert rejected_requests(server, reason) == counted + 1


@BOTH_PATHS
@pytest.mark.parametrize("name", [b"authorization: Bearer ", b"x-api-key: "])
def test_a_repeated_header_with_a_key_gets_400(server: Process, path: bytes, name: bytes):
    response = ask(server, path, name + KEY.encode(), name + OTHER.encode())

    assert response.status == 400
    assert response.headers["www-authenticate"] == 'Bearer realm="slipway", error="invalid_request"'


@BOTH_PATHS
def test_of_both_headers_x_api_key_counts(server: Process, path: bytes):
    # A proxy may need Authorization for itself.
    assert ask(server, path, b"authorization: Basic x", b"x-api-key: " + KEY.encode()).status == 200
    assert ask(server, path, BEARER, b"x-api-key: wrong").status == 401


def test_a_key_in_the_query_is_not_accepted_and_not_logged(server: Process):
    for name in ("api_key", "access_token", "x-api-key", "key"):
        response = httpx.post(f"{server.url}/predict?{name}=key-of-the-query", content=SAMPLE)

        assert response.status_code == 401
    assert "key-of-the-query" not in server.log.read_text()


@BOTH_PATHS
@pytest.mark.parametrize("framing", [b"content-length: 1000000", b"transfer-encoding: chunked"])
def test_a_request_without_a_key_is_refused_before_its_body_arrives(
    server: Process, path: bytes, framing: bytes
):
    with connect(server) as connection:
        head = b"POST %b HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n%b\r\n\r\n" % (path, framing)
        connection.sendall(head)

        read_only_problem(connection, 401)


def test_the_response_arrives_although_the_client_sends_its_whole_body(server: Process):
    body = b" " * 3_000_000
    with connect(server) as connection:
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body))
        time.sleep(0.1)
        connection.sendall(body)

        read_only_problem(connection, 401)


def test_nothing_after_a_refused_request_is_answered(server: Process):
    hidden = post(b"/predict", SAMPLE, BEARER)
    with connect(server) as connection:
        connection.sendall(post(b"/predict", hidden) + hidden)

        assert read_statuses(connection) == [401]


@pytest.mark.parametrize("path", [*OPEN, *PROBES, "/health/live?x", "/docs?x=1"])
def test_probes_and_pages_need_no_key(server: Process, path: str):
    assert httpx.get(server.url + path).status_code == 200
    assert httpx.get(server.url + path, headers={"x-api-key": "wrong"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v2",
        "/v2/models/tiny",
        "/v2/models/tiny/ready",
        "/predict",
        "/nothing",
        "/web",
        "/health/",
        "//health",
        "/%68ealth",
        "/docs/../v2",
    ],
)
def test_every_other_path_needs_a_key_whether_it_exists_or_not(server: Process, path: str):
    with connect(server) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())

        read_only_problem(connection, 401)


@pytest.mark.parametrize("path", [b"/web/../predict", b"/web/%2e%2e/predict", b"/swagger-ui/..%2f..%2fv2"])
def test_a_path_that_leaves_an_open_folder_reaches_nothing(server: Process, path: bytes):
    assert ask(server, path).status in (404, 405)


def test_a_head_request_without_a_key_gets_no_body(server: Process):
    response = httpx.head(f"{server.url}/v2")

    assert (response.status_code, response.content) == (401, b"")


def test_options_needs_no_key(server: Process):
    assert httpx.options(f"{server.url}/predict").headers["allow"] == "OPTIONS, POST"


def test_the_metrics_need_no_key(server: Process):
    assert httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").status_code == 200
    assert read_metric(server, "request_count_total", 'code="401"') >= 0


def test_no_key_is_in_the_log_the_metrics_the_process_list_or_a_response(server: Process):
    sent = ["a-wrong-key-01234567", KEY, OTHER]
    answers: list[str] = []
    for key in sent:
        for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}, [("x-api-key", key)] * 2):
            for content in (SAMPLE, b"?"):
                response = httpx.post(f"{server.url}/predict", content=content, headers=headers)
                answers.append(f"{response.headers} {response.text}")

    process = Path("/proc") / str(server.process.pid)
    places = {
        "log": server.log.read_text(),
        "metrics": httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text,
        "process list": (process / "cmdline").read_text() + (process / "environ").read_text(),
        "responses": "\n".join(answers),
    }

    assert not [(place, key) for place, text in places.items() for key in sent if key in text]
    assert '"reason":"key_wrong"' in places["log"]


def test_a_new_key_is_accepted_and_a_removed_one_refused_without_a_restart(
    start: Callable[..., Process], tmp_path: Path
):
    keys, old, new = tmp_path / "keys", "the-old-key-0123", "the-new-key-4567"
    keys.write_text(old)
    server = start(api_keys_path=keys)
    server.wait_for("/health/ready")
    assert set(statuses(server, old).values()) == {200}
    assert set(statuses(server, new).values()) == {401}

    replace(keys, f"{old}\n{new}\n")
    wait_until(lambda: set(statuses(server, new).values()) == {200})
    assert set(statuses(server, old).values()) == {200}

    replace(keys, new)
    wait_until(lambda: set(statuses(server, old).values()) == {401})
    assert set(statuses(server, new).values()) == {200}


def test_without_keys_the_server_is_live_but_not_ready_and_accepts_nothing(
    start: Callable[..., Process], tmp_path: Path
):
    keys, key = tmp_path / "keys", "the-key-01234567"
    server = start(api_keys_path=keys)
    server.wait_for("/health/live")
    wait_until(lambda: "locked" in httpx.get(f"{server.url}/health/live").text)

    for path in ("/health/ready", "/health", "/v2/health/ready"):
        response = httpx.get(server.url + path)
        assert (response.status_code, response.json()["detail"]) == (
            503,
            "the server has no API keys; its log says why",
        )
    assert set(statuses(server, key).values()) == {503}
    assert read_metric(server, "model_ready") == 0
    (error,) = [line for line in server.logged() if line["level"] == "ERROR"]
    assert str(keys) in error["message"]

    replace(keys, key)
    server.wait_for("/health/ready")
    assert set(statuses(server, key).values()) == {200}


def replace(path: Path, text: str) -> None:
    """Replace a file in one step, as the kubelet does."""
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)
