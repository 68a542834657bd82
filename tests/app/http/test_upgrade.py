"""Requests to upgrade the connection to another protocol, as RFC 9110, section 7.8, defines them."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.http.wire import BOTH_PATHS, PROBE, connect, post, read_statuses
from tests.app.process import SAMPLE, Process


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process]) -> Process:
    server = start_module()
    server.wait_for("/health/ready")
    return server


@BOTH_PATHS
@pytest.mark.parametrize("token", [b"h2c", b"websocket", b"foo"])
def test_the_body_of_an_upgrade_request_is_not_parsed_as_the_next_request(
    server: Process, path: bytes, token: bytes
):
    smuggled = b"GET /v2/models/SMUGGLED HTTP/1.1\r\nhost: x\r\n\r\n"
    upgrade = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: " + token, b"http2-settings: AAMAAABk")
    with connect(server) as connection:
        request = post(path, smuggled, *upgrade)
        connection.sendall(request.removesuffix(smuggled))
        time.sleep(0.2)
        connection.sendall(smuggled)
        assert read_statuses(connection, 1) == [400]
        connection.sendall(post(path, SAMPLE, *upgrade) + PROBE)

        assert read_statuses(connection, 2) == [200, 200]


@BOTH_PATHS
def test_an_upgrade_request_may_have_a_chunked_body(server: Process, path: bytes):
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SAMPLE), SAMPLE)
    with connect(server) as connection:
        lines = (b"transfer-encoding: chunked", b"connection: Upgrade", b"upgrade: h2c")
        connection.sendall(post(path, body, *lines) + PROBE)

        assert read_statuses(connection, 2) == [200, 200]


def test_curl_that_offers_http_2_gets_a_response(server: Process):
    command = ["curl", "--silent", "--show-error", "--http2", "--write-out", "%{http_code}"]
    header = ["--header", "content-type: application/json"]

    result = subprocess.run(
        [*command, *header, "--data", SAMPLE.decode(), f"{server.url}/predict"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )

    assert result.stdout.endswith("200"), result.stdout


JAVA = """
import java.net.URI;
import java.net.http.*;

public class Client {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(arguments[1])).build();
        for (int count = 0; count < 3; count++)
            System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
"""


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
def test_the_java_client_with_its_default_settings_gets_responses(server: Process, tmp_path: Path):
    # By default this client offers h2c on each connection without TLS:
    # https://docs.oracle.com/en/java/javase/17/docs/api/java.net.http/java/net/http/HttpClient.Version.html
    (tmp_path / "Client.java").write_text(JAVA)

    result = subprocess.run(
        ["java", "Client.java", f"{server.url}/predict", SAMPLE.decode()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert result.stdout.split() == ["200"] * 3, result.stderr
