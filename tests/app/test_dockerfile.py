"""What holds of the image's recipe without building it."""

import re
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
STAGES = re.split(r"^FROM ", (APP / "Dockerfile").read_text(), flags=re.MULTILINE)
FINAL = STAGES[-1].splitlines()


def test_nothing_runs_in_the_final_stage_for_it_may_have_no_shell():
    assert not [line for line in FINAL if line.startswith("RUN")]


def test_every_layer_is_linked_so_that_its_digest_is_its_contents():
    copies = [line for line in FINAL if line.startswith("COPY")]

    assert copies
    assert all(line.startswith("COPY --link ") for line in copies)


def test_the_model_is_copied_from_its_own_context_apart_from_the_code():
    sources = [re.search(r"--from=(\w+)", line).group(1) for line in FINAL if line.startswith("COPY")]  # type: ignore[union-attr]

    assert sources == ["dependencies", "model", "model", "code"]


def test_the_server_is_not_root():
    assert "USER 65532:65532" in FINAL


@pytest.mark.parametrize("runtime", ["onnx", "torchscript", "savedmodel"])
def test_dependencies_are_pinned_without_a_machines_own_names(runtime: str):
    text = (APP / "requirements" / f"{runtime}.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]

    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in lines)
    assert "://" not in text


@pytest.mark.parametrize(
    ("runtime", "foreign"),
    [
        ("onnx", "torch tensorflow"),
        ("torchscript", "onnxruntime tensorflow"),
        ("savedmodel", "onnxruntime torch"),
    ],
)
def test_an_image_holds_its_own_runtime_only(runtime: str, foreign: str):
    text = (APP / "requirements" / f"{runtime}.txt").read_text()

    assert not [name for name in foreign.split() if re.search(rf"^{name}\b", text, re.MULTILINE)]
