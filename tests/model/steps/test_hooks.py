"""A model exported with the user's own code, and what the artifact then holds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import ExportError
from model.export import export
from model.source import Description, Format, Source
from model.steps.description import HooksStep, StepDescriptions
from model.steps.hooks import Hooks
from model.steps.plan import Plan

HOOKS = """
import numpy as np


def preprocess(request):
    return {"x": np.array(request["numbers"], np.float32)}


def postprocess(tensors):
    return {"sums": tensors["y"].sum(axis=1)}
"""
REQUEST = {"numbers": [[1, 2], [3, 5]]}


def plan_of(folder: Path, code: str = HOOKS, request: object = REQUEST) -> Plan:
    file = folder / "mine.py"
    file.write_text(code)
    hooks = Hooks.load(file)
    return Plan(
        description=StepDescriptions(before=HooksStep(), after=(HooksStep(),)),
        files={"hooks.py": file.read_bytes()},
        before=hooks,
        request=request,
        hooks=hooks,
    )


def doubler(plan: Plan) -> Source:
    def double(inputs: Any) -> Any:
        return {"y": inputs["x"] * np.float32(2)}

    return Source(
        description=Description(name="doubler", steps=plan),
        eager=double,
        samples=plan.samples() or {},
        fingerprint=b"doubler",
        formats=(
            Format(name="first", write=lambda folder: None, load=lambda folder: double),  # noqa: ARG005
        ),
    )


def exported(plan: Plan, output: Path) -> Path:
    return export(doubler(plan), [], output, lambda _line: None).path


def test_the_artifact_holds_the_code_its_hash_and_the_example_with_its_predictions(tmp_path):
    path = exported(plan_of(tmp_path), tmp_path / "out")

    assert (path / "steps" / "hooks.py").read_text() == HOOKS
    example = json.loads((path / "steps" / "example.json").read_text())
    assert example == {"request": REQUEST, "predictions": {"sums": [6.0, 16.0]}}
    steps = json.loads((path / "signature.json").read_text())["steps"]
    assert steps["before"] == {"kind": "hooks"}
    assert len(steps["files"]["hooks.py"]) == 64


def test_other_code_is_another_version(tmp_path):
    first = exported(plan_of(tmp_path), tmp_path / "out")
    second = exported(plan_of(tmp_path, HOOKS + "\n# other\n"), tmp_path / "out")

    assert first != second


def test_another_example_of_the_same_version_is_not_left_out_silently(tmp_path):
    exported(plan_of(tmp_path), tmp_path / "out")

    with pytest.raises(ExportError, match="has another example request"):
        exported(plan_of(tmp_path, request={"numbers": [[1, 2], [3, 6]]}), tmp_path / "out")


def test_a_model_without_steps_has_no_such_key(tmp_path):
    source = doubler(plan_of(tmp_path))
    bare = Source(
        description=Description(name="doubler"),
        eager=source.eager,
        samples=source.samples,
        fingerprint=b"doubler",
        formats=source.formats,
    )
    path = export(bare, [], tmp_path / "out", lambda _line: None).path

    assert "steps" not in json.loads((path / "signature.json").read_text())
    assert not (path / "steps").exists()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise RuntimeError('no')", r"mine\.py: running it fails: RuntimeError: no \(mine\.py, line 1\)"),
        ("x = 1", r"defines neither preprocess\(request\) nor postprocess\(tensors\)"),
        (
            "def preprocess(request):\n    return request['missing']",
            r"preprocess fails on the example: KeyError: 'missing' \(mine\.py, line 2\)",
        ),
        ("def preprocess(request):\n    return [1]", "must return a dict of numpy arrays .* returned list"),
    ],
)
def test_code_that_cannot_be_used_is_refused_with_its_line(tmp_path, code, told):
    with pytest.raises(ExportError, match=told):
        plan_of(tmp_path, code).samples()


def test_an_answer_that_json_cannot_carry_is_refused(tmp_path):
    code = HOOKS.replace('{"sums": tensors["y"].sum(axis=1)}', "{1, 2}")

    with pytest.raises(ExportError, match="postprocess returned what JSON cannot carry"):
        exported(plan_of(tmp_path, code), tmp_path / "out")
