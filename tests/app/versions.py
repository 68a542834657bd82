"""Models and versions below one path, for tests."""

import json
import os
import time
from pathlib import Path

import numpy as np
from onnx import helper

from tests.app.conftest import Client, write_artifact

X = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]}
BODY = json.dumps({"inputs": [X]})


def times(factor: float, path: Path, *, name: str = "times", version: str | None = None) -> Path:
    """Write a model that multiplies by a factor. Its version is named after the factor."""
    return write_artifact(
        path,
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        {"factor": np.array([factor], np.float32)},
        {"x": np.ones((1, 1), np.float32)},
        {"y": [-1, 1]},
        name=name,
        version=version or f"v{factor:g}",
    )


def age(artifact: Path, seconds: float) -> None:
    """Make an artifact older."""
    then = time.time() - seconds
    os.utime(artifact / "signature.json", (then, then))


def write_models(folder: Path) -> Path:
    """Write two versions of one model, the second newer, and another model."""
    for factor, seconds in ((2, 100), (3, 50)):
        age(times(factor, folder / "times" / f"v{factor}"), seconds)
    times(10, folder / "tenfold" / "v10", name="tenfold")
    return folder


def ask(client: Client, model: str) -> tuple[str, str, float]:
    """Send a request, and return the name, version and output of the model that answers."""
    response = client.request("POST", f"/v2/models/{model}/infer", content=BODY.encode())
    assert response.status_code == 200, response.text
    answer = response.json()
    return answer["model_name"], answer["model_version"], answer["outputs"][0]["data"][0]
