import time

import pytest

from ops import progress
from ops.progress import step


def test_a_step_tells_its_name_and_its_seconds_on_stderr(capsys: pytest.CaptureFixture[str]):
    with step("cook"):
        pass

    captured = capsys.readouterr()
    assert captured.err == "→ cook\n✓ cook: 0.0 s\n"
    assert captured.out == ""


def test_a_failed_step_says_so_and_lets_the_error_through(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(ZeroDivisionError), step("divide"):
        _ = 1 / 0

    assert "✗ divide: failed after 0.0 s" in capsys.readouterr().err


def test_long_work_gives_a_sign_of_life(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.01)
    with step("wait"):
        time.sleep(0.1)

    assert "  … wait: 0 s" in capsys.readouterr().err
