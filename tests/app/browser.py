"""Chromium, and what a page in it asked for and complained about."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

REFUSED = "Failed to load resource"
"""How Chromium begins to tell of an answer such as 400, which is no fault of the page."""


def chromium_program() -> str:
    """Return the path of Debian's Chromium; skip the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no Chromium: apt-get install --no-install-recommends chromium")
    return program


@contextmanager
def chromium() -> Generator[Browser]:
    """Start Chromium, with a user's folder of its own."""
    program = chromium_program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            chromium_sandbox=False,
            args=["--disable-gpu", "--disable-quic", "--disable-component-update", "--disable-sync"],
        )
        yield browser
        browser.close()


class Watched:
    """A page whose requests and complaints are written down."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._complained)

    def _complained(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(REFUSED):
            self.complaints.append(message.text)

    def check(self) -> None:
        """See that nothing came from elsewhere, and that nothing failed or was against the page's policy."""
        assert self.requests
        assert {urlsplit(url).hostname for url in self.requests if not url.startswith("blob:")} == {
            "127.0.0.1"
        }
        assert self.complaints == []
