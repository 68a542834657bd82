"""Independent pieces of work, done at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

from ops.errors import OperationError
from ops.progress import say


def together(*works: Callable[[], object]) -> None:
    """Do pieces of work at the same time, and wait for all of them.

    A failure is told at once. The others go on, since what they make is kept for the next attempt.

    Raises:
        OperationError: at least one failed; the message holds every failure.

    """
    failures: list[OperationError] = []
    with ThreadPoolExecutor(len(works)) as pool:
        for done in as_completed([pool.submit(work) for work in works]):
            try:
                done.result()
            except OperationError as failure:
                say(f"error: {failure}")
                failures.append(failure)
    if failures:
        raise OperationError("\n".join(str(failure) for failure in failures))
