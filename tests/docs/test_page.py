"""The program that takes the picture of the page, on a real server."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.app.browser import chromium_program
from tests.app.conftest import colours, picture, start, tiny  # noqa: F401 # pyright: ignore[reportUnusedImport] - fixtures
from tests.app.process import Process
from tests.docs.conftest import PICTURES


def test_the_picture_shows_the_page_with_an_answer(
    start: Callable[..., Process],  # noqa: F811 - a fixture
    colours: Path,  # noqa: F811 - a fixture
    tmp_path: Path,
):
    chromium_program()
    server = start(colours)
    server.wait_for("/health/ready")
    photograph, taken = tmp_path / "red.png", tmp_path / "page.png"
    photograph.write_bytes(picture((255, 0, 0)))

    subprocess.run([sys.executable, PICTURES / "page.py", server.url, photograph, taken], check=True)

    with Image.open(taken) as image:
        assert (image.format, image.size) == ("PNG", (1100, 660))
        counted = image.convert("RGB").getcolors(2**20) or []
    pixels: dict[Any, int] = {color: count for count, color in counted}
    # The photograph's red in the left half.
    assert max(pixels, key=lambda color: pixels[color] * (color[0] - color[1] > 200)) == (255, 0, 0)
