"""The pages of a server that needs API keys, that has a root path, or that a page of another origin calls."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.http.web.conftest import Start, predict
from tests.app.process import Process

KEY, ROOT = "a-key-of-this-test", "/models/tiny"


@pytest.fixture(scope="module")
def other_origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a web server with an empty page."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>other</title>")
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None  # pyright: ignore[reportAttributeAccessIssue]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(
    start_module: Start, tiny: Path, other_origin: str, tmp_path_factory: pytest.TempPathFactory
) -> Process:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(KEY)
    server = start_module(tiny, api_keys_path=keys, root_path=ROOT, cors_origins=other_origin)
    server.wait_for("/health/ready")
    return server


def test_the_page_asks_for_the_key_and_sends_it(page: Page, server: Process):
    page.goto(server.url)
    predict(page, "[0, 0, 0, 0, 0, 0]")
    expect(page.get_by_role("alert")).to_contain_text("401 Unauthorized")

    page.get_by_label("API key").fill(KEY)
    predict(page)

    expect(page.locator("#answer li").first).to_contain_text("33.3 %")
    expect(page.get_by_label("API key")).to_have_attribute("type", "password")
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_the_page_of_a_server_without_keys_does_not_ask_for_one(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)

    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    expect(page.locator("#key-input")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", ROOT, f"{ROOT}/"])
def test_the_page_works_at_the_root_path_with_and_without_a_slash(page: Page, server: Process, path: str):
    page.goto(server.url + path)
    page.get_by_label("API key").fill(KEY)
    predict(page, "[0, 0, 0, 0, 0, 0]")

    expect(page.locator("#answer li").first).to_contain_text("33.3 %")


@pytest.mark.parametrize("path", ["/docs", f"{ROOT}/docs"])
def test_swagger_ui_sends_the_key_below_the_root_path(page: Page, server: Process, path: str):
    page.goto(server.url + path)
    page.get_by_role("button", name="Authorize", exact=True).first.click()
    page.locator("#auth-bearer-value").fill(KEY)
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close", exact=True).first.click()
    operation = page.locator(".opblock").filter(has=page.get_by_text("/v2", exact=True)).first
    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    with page.expect_response(lambda response: response.url.endswith("/v2")) as response:
        operation.get_by_role("button", name="Execute").click()

    assert (response.value.url, response.value.status) == (f"{server.url}{ROOT}/v2", 200)


SEND = """async ([url, key]) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: "[0, 0, 0, 0, 0, 0]",
  });
  return [response.status, response.headers.get("x-request-id") !== null, await response.json()];
}"""


def send_from(page: Page, origin: str, server: Process, key: str) -> list[Any]:
    page.goto(origin)
    return page.evaluate(SEND, [f"{server.url}/predict", key])


def test_a_page_of_an_allowed_origin_gets_a_prediction(browser: Browser, server: Process, other_origin: str):
    with browser.new_context() as context:
        status, has_id, answer = send_from(context.new_page(), other_origin, server, KEY)

        assert (status, has_id, answer["model_name"]) == (200, True, "tiny")


def test_a_page_of_an_allowed_origin_reads_why_its_key_is_refused(
    browser: Browser, server: Process, other_origin: str
):
    with browser.new_context() as context:
        status, _, answer = send_from(context.new_page(), other_origin, server, "wrong")

        assert (status, answer["title"]) == (401, "Unauthorized")


def test_a_page_of_another_origin_gets_nothing(browser: Browser, server: Process, tiny_server: Process):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(tiny_server.url)
        sent = page.evaluate(
            f"(given) => ({SEND})(given).catch(() => 'failed')", [server.url + "/predict", KEY]
        )

        assert sent == "failed"
