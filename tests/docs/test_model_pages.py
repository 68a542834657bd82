"""Each page of docs/models runs as printed: its file, its commands, and the request to its service."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ops.stack import PROJECT
from tests.app.process import Process
from tests.readme import Block, blocks

pytestmark = pytest.mark.slow

PAGES = {
    "sklearn": ("skl2onnx", "pandas", "skops"),
    "boosters": ("onnxmltools", "lightgbm", "pandas"),
    "huggingface": ("transformers", "torch", "onnxscript"),
    "mlflow": ("skl2onnx", "pandas", "skops"),
    "notebook": ("skl2onnx", "pandas"),
}
"""The pages, with the libraries that they need."""


def example(page: str) -> tuple[Block, Block]:
    """The file of a page and the commands below it."""
    found = blocks((PROJECT / "docs" / "models" / f"{page}.md").read_text())
    index = next(index for index, block in enumerate(found) if block.file is not None)
    return found[index], found[index + 1]


def test_every_page_is_tested():
    assert {file.stem for file in (PROJECT / "docs" / "models").glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_as_printed_and_its_model_is_served(page: str, tmp_path: Path):
    for library in PAGES[page]:
        pytest.importorskip(library, reason=f"{library} is not installed here")
    code, typed = example(page)
    (tmp_path / str(code.file)).write_text(code.text)
    for name in ("model", "slipway"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)

    for command in typed.commands:
        if not command.startswith(("make ", "curl ")):
            done = subprocess.run(["sh", "-ec", command], cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr

    name = next(command for command in typed.commands if command.startswith("make serve")).partition("=")[2]
    server = Process(tmp_path / "build" / "model" / name / "latest", tmp_path / "server.log")
    try:
        server.wait_for("/health/ready")
        for request in (command for command in typed.commands if command.startswith("curl ")):
            body = request.partition("-d '")[2].removesuffix("'")
            answer = httpx.post(f"{server.url}/predict", content=body.encode())
            assert answer.is_success, answer.text
            assert len(answer.json()["predictions"]) == 1
    finally:
        server.terminate()
        server.exit_code()
