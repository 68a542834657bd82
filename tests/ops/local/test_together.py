from threading import Barrier

import pytest

from ops.errors import OperationError
from ops.local.together import together


def test_pieces_of_work_run_at_the_same_time():
    both = Barrier(2, timeout=30)

    # Either would wait in vain for the other if they were done in turn.
    together(both.wait, both.wait)


def test_after_a_failure_the_other_work_continues(capsys: pytest.CaptureFixture[str]):
    made: list[str] = []

    def fail() -> None:
        raise OperationError("apt has no network")

    with pytest.raises(OperationError, match=r"^apt has no network$"):
        together(fail, lambda: made.append("programs"))

    assert made == ["programs"]
    assert "error: apt has no network\n" in capsys.readouterr().err


def test_the_error_has_every_failure():
    def fail(why: str) -> None:
        raise OperationError(why)

    with pytest.raises(OperationError) as failure:
        together(lambda: fail("apt has no network"), lambda: fail("the disk is full"))

    assert sorted(str(failure.value).splitlines()) == ["apt has no network", "the disk is full"]
