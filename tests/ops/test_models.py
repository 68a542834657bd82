import sys
from pathlib import Path

import pytest

from ops import models as models_module
from ops.models import ensure_artifact
from tests.conftest import VERSION, StackOf


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []
    monkeypatch.setattr(models_module, "run", calls.append)
    return calls


def test_an_existing_artifact_is_not_exported_again(
    stack_of: StackOf, models: Path, exports: list[list[str]]
):
    assert ensure_artifact(stack_of(modelVersion="latest")) == models / "tiny" / "latest"
    assert exports == []


def test_a_ready_made_model_is_exported_in_the_format_of_the_stack(
    stack_of: StackOf, models: Path, exports: list[list[str]]
):
    ensure_artifact(stack_of(model="digits", runtime="torchscript"))

    assert exports == [
        [
            sys.executable,
            "-m",
            "model",
            "export",
            "digits",
            "--format",
            "torchscript",
            "--output",
            str(models),
        ]
    ]


def test_a_missing_version_that_is_named_is_not_exported(
    stack_of: StackOf, models: Path, exports: list[list[str]]
):
    assert ensure_artifact(stack_of(modelVersion="ba9876543210")) == models / "tiny" / "ba9876543210"
    assert ensure_artifact(stack_of(modelVersion=VERSION)).exists()
    assert exports == []
