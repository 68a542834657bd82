"""What is said of a pod that is guaranteed less memory than it takes."""

import re
from collections.abc import Callable

import pulumi
import pytest

from infra.memory import PEAKS, memory_advice
from infra.runtimes import RUNTIMES
from ops.program import Run
from ops.stack import PROJECT


@pytest.mark.parametrize(
    ("runtime", "request_", "is_said"),
    [
        ("onnx", "256Mi", True),
        ("onnx", "400Mi", False),
        ("savedmodel", "512Mi", True),
        ("new", "1Mi", False),
    ],
)
def test_a_request_below_the_measured_peak_is_said(runtime: str, request_: str, is_said: bool):
    advice = memory_advice(runtime, request_)

    assert (advice is not None) is is_said
    if advice:
        assert f"memoryRequest is {request_}" in advice
        assert f"{PEAKS[runtime]} MiB" in advice


@pytest.mark.parametrize(("given", "count"), [("256Mi", 1), ("512Mi", 0)])
def test_the_preview_says_it(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, given: str, count: int
):
    shown: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda line, *_: shown.append(line))

    program(memoryRequest=given)

    assert [line.startswith("memoryRequest is") for line in shown] == [True] * count


def test_the_peaks_are_those_of_the_documents():
    runtimes = (PROJECT / "docs" / "runtimes.md").read_text()
    limits = (PROJECT / "docs" / "limits.md").read_text()
    at_peak = re.search(r"(\d+) MiB at the peak", limits)

    assert {*PEAKS} <= {*RUNTIMES}
    assert at_peak
    assert int(at_peak[1]) == PEAKS["onnx"]
    for runtime in PEAKS.keys() - {"onnx"}:
        assert f"| {PEAKS[runtime]} |" in runtimes
