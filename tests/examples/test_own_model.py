import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.readme import blocks

# Looked for and not imported, because the commands import them in processes of their own.
INSTALLED = all(find_spec(name) for name in ("torch", "sklearn"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not INSTALLED, reason="PyTorch or scikit-learn is not installed: make pytorch"),
]

ROOT = Path(__file__).parents[2]
FOLDER = Path("examples", "own_model")
PYTHON = ".venv/bin/python"


def test_the_commands_of_its_readme_train_and_export_the_model(tmp_path):
    shutil.copytree(ROOT / FOLDER, tmp_path / FOLDER, ignore=shutil.ignore_patterns("irises.[!p]*", "*.pt"))
    text = (ROOT / FOLDER / "README.md").read_text()
    commands = [command for block in blocks(text) if block.language == "sh" for command in block.commands]
    typed = [shlex.split(command)[1:] for command in commands if command.startswith(PYTHON)]
    assert len(typed) == 2

    for arguments in typed:
        subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            timeout=250,
        )

    artifact = tmp_path / "build" / "model" / "irises" / "latest"
    signature = json.loads((artifact / "signature.json").read_text())
    assert signature["labels"] == ["setosa", "versicolor", "virginica"]
    assert signature["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}]
    with np.load(artifact / "sample.npz") as sample:
        # The first flower of the data set is a setosa.
        assert sample["output"].argmax() == 0
