"""The examples of docs/models.md run as they are printed."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from model import sources

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text()
KINDS = PAGE.partition("## Each kind of model")[2].partition("\n## ")[0]
SECTIONS = {
    section.partition("\n")[0]: re.findall(r"```(python|sh)\n(.*?)```", section, re.DOTALL)
    for section in KINDS.split("\n### ")[1:]
}
COMMAND = re.findall(r"```sh\n(E=.*?)```", KINDS, re.DOTALL)[0]
LIBRARIES = {"An ONNX file": "onnx", "A Keras file": "tf2onnx", "A SavedModel": "tf2onnx"}


@pytest.mark.parametrize("title", SECTIONS)
def test_the_example_of_a_kind_runs_as_it_is_printed(title, tmp_path):
    library = LIBRARIES.get(title, "torch")
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed here")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    for number, (language, text) in enumerate(SECTIONS[title]):
        named = re.match(r"# (\w+\.py)\n", text)
        if language == "python":
            (tmp_path / (named[1] if named else f"block{number}.py")).write_text(text)
        if named:
            continue
        command = f".venv/bin/python block{number}.py" if language == "python" else f"{COMMAND}{text}"
        done = subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=tmp_path,
            env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("build/model/*/latest/signature.json"))


def test_every_kind_has_an_example_here_or_on_a_page_of_its_own():
    pages = "\n".join(page.read_text() for page in sorted((ROOT / "docs" / "models").glob("*.md")))
    missing = {kind.option.flag for kind in sources.KINDS if kind.option.flag not in KINDS + pages}
    assert missing == set()
