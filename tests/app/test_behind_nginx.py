"""Behind nginx, set as ingress-nginx sets it: each client gets its own answer."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.app.open_inference import TINY
from tests.app.process import Process, free_ports
from tests.app.wrapped import wrapped

# The map and the two headers are those of its template:
# https://github.com/kubernetes/ingress-nginx/blob/main/rootfs/etc/nginx/template/nginx.tmpl
CONFIGURATION = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream model {{ server 127.0.0.1:{port}; keepalive 1; }}
    server {{
        listen 127.0.0.1:{own};
        client_max_body_size 8m;
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_request_buffering on;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""

SLOW = wrapped("if value > 100: time.sleep(0.2)")
"""Large values take long, so that another client's request is sent before they are answered."""

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="needs nginx: apt-get install nginx-light"
)


@pytest.fixture(scope="module")
def nginx(start_module: Callable[..., Process], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx before a server."""
    server = start_module(before=SLOW, threads=1)
    server.wait_for("/health/ready")
    folder = tmp_path_factory.mktemp("nginx")
    own, _ = free_ports()
    path = folder / "nginx.conf"
    # As root its workers would be another user's, who may not write into the folder.
    user = "" if os.geteuid() else "user root;"
    path.write_text(CONFIGURATION.format(user=user, folder=folder, port=server.port, own=own))
    process = subprocess.Popen(["nginx", "-p", folder, "-c", path, "-e", folder / "error.log"])
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", own)).close()
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, Path(folder / "error.log").read_text()
            time.sleep(0.05)
    yield own
    process.terminate()
    process.wait(10)


def infer(port: int, identifier: str) -> str:
    body = {"inputs": [TINY], "id": identifier}
    return httpx.post(f"http://127.0.0.1:{port}/v2/models/tiny/infer", json=body, timeout=10).json().get("id")


@pytest.mark.parametrize("token", ["h2c", "websocket", "foo"])
def test_a_body_after_an_upgrade_header_is_not_taken_for_a_request(nginx: int, token: str):
    slow = {**TINY, "data": [999] * len(TINY["data"])}
    body = json.dumps({"inputs": [slow], "id": "smuggled"}).encode()
    hidden = (
        b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    sent = b"\r\n" * 60_000 + hidden
    for attempt in range(10):
        with socket.create_connection(("127.0.0.1", nginx), timeout=10) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: %b\r\n"
                b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % (token.encode(), len(sent))
            )
            connection.sendall(sent)
            assert connection.recv(12) == b"HTTP/1.1 400"
        asked = [f"{attempt}-{number}" for number in range(10)]

        assert [infer(nginx, identifier) for identifier in asked] == asked


def test_a_client_that_offers_to_upgrade_gets_its_answer(nginx: int):
    headers = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABk"}
    for body in (b"[0,0,0,0,0,0]", b"[0,0,0,0,0,0" + b" " * 200_000 + b"]"):
        answer = httpx.post(f"http://127.0.0.1:{nginx}/predict", content=body, headers=headers)

        assert answer.status_code == 200, answer.text
