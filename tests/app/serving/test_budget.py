"""How the memory is divided between requests."""

import threading
import time

import pytest

from app.errors import Overloaded
from app.serving import budget as module
from app.serving.budget import MIN_REQUEST_BYTES, Budget, bytes_for_outputs, bytes_for_requests

MIB = 2**20


def forever() -> float:
    return time.monotonic() + 10


def test_no_more_than_the_total_can_be_reserved():
    budget = Budget(10)
    reservation = budget.try_reserve(6)
    with pytest.raises(Overloaded) as caught:
        budget.try_reserve(5)
    assert caught.value.retry_after == 1

    reservation.shrink(2)
    budget.try_reserve(8)

    assert budget.reserved == 10


def test_releasing_a_reservation_twice_frees_it_once():
    budget = Budget(10)
    reservation = budget.try_reserve(6)
    reservation.release()
    reservation.release()

    assert budget.reserved == 0


def test_a_thread_waits_until_memory_is_released():
    budget = Budget(10)
    reservation = budget.try_reserve(10)
    threading.Timer(0.1, reservation.release).start()

    assert budget.reserve(10, forever(), lambda: True).bytes == 10


@pytest.mark.parametrize(("until", "wanted"), [(0.0, True), (1e18, False)], ids=["deadline", "client left"])
def test_waiting_for_memory_ends_with_the_deadline_or_the_client(until: float, wanted: bool):
    budget = Budget(10)
    budget.try_reserve(1)

    with pytest.raises(Overloaded):
        budget.reserve(10, until, lambda: wanted)


def test_a_request_for_more_than_the_total_reserves_all_of_it():
    budget = Budget(10)

    assert budget.reserve(1000, forever(), lambda: True).bytes == 10


def test_requests_get_the_memory_that_is_left_below_the_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "memory", lambda: 512 * MIB)
    monkeypatch.setattr(module, "memory_used", lambda: 140 * MIB)

    assert bytes_for_requests(0) == (512 - 140 - 64 - 2 * 16 - 40) * MIB
    assert bytes_for_outputs() == 16 * MIB
    assert bytes_for_requests(28 * MIB) == bytes_for_requests(0) - 28 * MIB
    monkeypatch.setattr(module, "memory_used", lambda: 500 * MIB)
    assert bytes_for_requests(0) == MIN_REQUEST_BYTES
