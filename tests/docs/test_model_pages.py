"""Each page of docs/models runs as printed: its files, its commands, and the request to its service."""

import json
import shutil
from pathlib import Path

import pytest

from tests import model_pages
from tests.app.process import Process
from tests.model_pages import ModelPage, ask

pytestmark = pytest.mark.slow

PAGES = {
    "sklearn": ("skl2onnx", "pandas", "skops"),
    "boosters": ("onnxmltools", "lightgbm", "pandas"),
    "hooks": ("torch", "onnxscript", "skimage"),
    "huggingface": ("transformers", "torch", "onnxscript"),
    "mlflow": ("skl2onnx", "pandas", "skops"),
    "notebook": ("skl2onnx", "pandas"),
}
"""The pages, with the libraries that they need."""


def test_every_page_is_tested():
    assert {file.stem for file in model_pages.PAGES.glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_as_printed_and_its_model_is_served(name: str, tmp_path: Path):
    for library in PAGES[name]:
        pytest.importorskip(library, reason=f"{library} is not installed here")
    if not shutil.which("curl"):
        pytest.skip("curl, by which the pages ask their services, is not installed here")
    page = ModelPage.read(name)
    page.prepare(tmp_path)

    server = Process(page.export(tmp_path), tmp_path / "server.log")
    try:
        server.wait_for("/health/ready")
        for curl in page.curls:
            answer = json.loads(ask(f"{curl} --fail-with-body", tmp_path, server.url))
            assert answer["predictions"]
    finally:
        server.terminate()
        server.exit_code()
