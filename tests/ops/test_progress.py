import time

import pytest

from ops import progress
from ops.progress import step


def test_a_step_prints_its_name_and_duration_to_stderr(capsys: pytest.CaptureFixture[str]):
    with step("cook"):
        pass

    captured = capsys.readouterr()
    assert captured.err == "→ cook\n✓ cook: 0.0 s\n"
    assert captured.out == ""


def test_a_failed_step_prints_that_it_failed_and_raises_the_error(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(ZeroDivisionError), step("divide"):
        _ = 1 / 0

    assert "✗ divide: failed after 0.0 s" in capsys.readouterr().err


def test_a_long_step_prints_that_it_still_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.01)
    with step("wait"):
        time.sleep(0.1)

    assert "  … wait: 0 s" in capsys.readouterr().err
