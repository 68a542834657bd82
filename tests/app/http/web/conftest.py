"""Fixtures for tests in a browser: the browser, a page that records failures, and servers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.browser import Watched, chromium
from tests.app.process import Process

# Long, because the machine may be busy.
expect.set_options(timeout=30_000)

Start = Callable[..., Process]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    with browser.new_context() as context:
        watched = Watched(context.new_page())
        yield watched
        watched.check()


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


def start_ready(start: Start, artifact: Path) -> Process:
    server = start(artifact)
    server.wait_for("/health/ready")
    return server


@pytest.fixture(scope="module")
def tiny_server(start_module: Start, tiny: Path) -> Process:
    return start_ready(start_module, tiny)


@pytest.fixture(scope="module")
def colours_server(start_module: Start, colours: Path) -> Process:
    return start_ready(start_module, colours)


@pytest.fixture(scope="module")
def lookup_server(start_module: Start, lookup: Path) -> Process:
    return start_ready(start_module, lookup)


def predict(page: Page, text: str | None = None) -> None:
    """Send an input from the page: JSON if `text` is given, else what the page already has."""
    # Until then the page may still write its example, while the browser inserts the text.
    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    if text is not None:
        page.get_by_label("A sample, or a list of samples").fill(text)
    page.get_by_role("button", name="Predict").click()
