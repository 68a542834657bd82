"""Memory shared out among requests."""

import threading
import time

import pytest

from app.errors import Overloaded
from app.serving import budget as module
from app.serving.budget import MIN_REQUEST_BYTES, Budget, bytes_for_outputs, bytes_for_requests

MIB = 2**20


def forever() -> float:
    return time.monotonic() + 10


def test_what_is_held_is_no_more_than_there_is():
    budget = Budget(10)
    hold = budget.try_reserve(6)
    with pytest.raises(Overloaded) as caught:
        budget.try_reserve(5)
    assert caught.value.retry_after == 1

    hold.shrink(2)
    budget.try_reserve(8)

    assert budget.reserved == 10


def test_a_hold_is_given_back_once():
    budget = Budget(10)
    hold = budget.try_reserve(6)
    hold.release()
    hold.release()

    assert budget.reserved == 0


def test_a_thread_waits_until_memory_is_given_back():
    budget = Budget(10)
    hold = budget.try_reserve(10)
    threading.Timer(0.1, hold.release).start()

    assert budget.reserve(10, forever(), lambda: True).bytes == 10


@pytest.mark.parametrize(("until", "wanted"), [(0.0, True), (1e18, False)], ids=["deadline", "client left"])
def test_nobody_waits_for_memory_longer_than_its_client(until: float, wanted: bool):
    budget = Budget(10)
    budget.try_reserve(1)

    with pytest.raises(Overloaded):
        budget.reserve(10, until, lambda: wanted)


def test_what_needs_more_than_there_is_waits_for_all_of_it():
    budget = Budget(10)

    assert budget.reserve(1000, forever(), lambda: True).bytes == 10


def test_requests_get_what_is_left_of_the_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "memory", lambda: 512 * MIB)
    monkeypatch.setattr(module, "memory_used", lambda: 140 * MIB)

    assert bytes_for_requests(0) == (512 - 140 - 64 - 2 * 16 - 40) * MIB
    assert bytes_for_outputs() == 16 * MIB
    assert bytes_for_requests(28 * MIB) == bytes_for_requests(0) - 28 * MIB
    monkeypatch.setattr(module, "memory_used", lambda: 500 * MIB)
    assert bytes_for_requests(0) == MIN_REQUEST_BYTES
