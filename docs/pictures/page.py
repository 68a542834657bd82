"""Takes a picture of the page at `/`: `python docs/pictures/page.py URL PHOTOGRAPH PICTURE.png`.

The service at the URL answers the photograph in Debian's Chromium. See `--help`; in the project's own
environment, for it has Playwright.
"""

import argparse
import io
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1100, 660
SETTLED_MILLISECONDS = 500
COLORS = 256
"""Of the picture's palette: it takes a third of the bytes, and a photograph in it still looks like one."""


def main(given: Sequence[str] | None = None) -> int:
    """Take the picture, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where the service is, as http://127.0.0.1:8000/")
    parser.add_argument("photograph", type=Path, help="what it is asked about, a PNG or JPEG")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    options = parser.parse_args(given)
    program = shutil.which("chromium")
    if program is None:
        print("there is no Chromium: apt-get install chromium", file=sys.stderr)  # noqa: T201 - its own words
        return 1
    taken = photographed(program, options.url, options.photograph)
    with Image.open(io.BytesIO(taken)) as picture:
        picture.convert("RGB").quantize(COLORS, kmeans=1).save(options.picture, optimize=True)
    return 0


def photographed(program: str, url: str, photograph: Path) -> bytes:
    """Return the page as a PNG, with the model's answer to a photograph."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            chromium_sandbox=False,
            args=["--disable-gpu", "--disable-quic", "--disable-component-update", "--disable-sync"],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(url)
        page.locator("#file").set_input_files(photograph)
        send = page.get_by_role("button", name="Predict")
        # The second answer is shown: the first one waits for the model's memory.
        for _ in range(2):
            send.click()
            page.locator("#send:enabled").wait_for()
            page.locator("#answer li").first.wait_for()
        # Away from the button, and after the bars have grown.
        page.mouse.move(0, 0)
        page.wait_for_timeout(SETTLED_MILLISECONDS)
        taken = page.screenshot()
        browser.close()
    return taken


if __name__ == "__main__":
    sys.exit(main())
