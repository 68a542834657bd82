"""The pages behind a path prefix, and Swagger UI at /docs, in a real browser."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from playwright.sync_api import Page, expect

from tests.app.browser import Watched
from tests.app.http.web.conftest import predict
from tests.app.process import Process

PREFIX = "/models/tiny"


def test_the_docs_page_shows_all_operations(page: Page, tiny_server: Process):
    page.goto(f"{tiny_server.url}/docs")

    expect(page.locator(".opblock-summary-path").get_by_text("/predict")).to_be_visible()
    expect(page.locator("h1, h2").get_by_text("tiny")).to_be_visible()
    paths = httpx.get(f"{tiny_server.url}/openapi.json").json()["paths"]
    expect(page.locator(".opblock")).to_have_count(sum(len(path) for path in paths.values()))


@contextmanager
def behind_a_prefix(server: Process) -> Generator[str]:
    """Start a proxy that removes a prefix from each path; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            headers = {"content-type": self.headers.get("content-type", "")}
            path = self.path.removeprefix(PREFIX)
            response = httpx.request(self.command, f"{server.url}{path}", content=body, headers=headers)
            self.send_response(response.status_code)
            for name in ("content-type", "content-security-policy"):
                if name in response.headers:
                    self.send_header(name, response.headers[name])
            self.send_header("content-length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = forward  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}{PREFIX}"
        finally:
            proxy.shutdown()
            thread.join()


def test_the_page_works_behind_a_path_prefix(page: Page, tiny_server: Process):
    with behind_a_prefix(tiny_server) as url:
        page.goto(f"{url}/")
        predict(page, "[0, 0, 0, 0, 0, 0]")

        expect(page.locator("#answer li").first).to_contain_text("33.3 %")
        # The proxy does not forward the metrics port.
        expect(page.get_by_text(f"Metrics: port {tiny_server.metrics_port}, /metrics")).to_be_visible()
        page.goto("about:blank")


def test_the_docs_page_calls_the_server_behind_a_path_prefix(watched: Watched, tiny_server: Process):
    page = watched.page
    with behind_a_prefix(tiny_server) as url:
        page.goto(f"{url}/docs")
        operation = page.locator(".opblock").filter(has_text="/health/live").first
        operation.click()
        operation.get_by_role("button", name="Try it out").click()
        with page.expect_response(lambda response: response.url.endswith("/health/live")) as response:
            operation.get_by_role("button", name="Execute").click()
        assert (response.value.url, response.value.status) == (f"{url}/health/live", 200)
        page.goto("about:blank")
