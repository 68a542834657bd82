"""Run independent pieces of work at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

from ops.errors import OperationError
from ops.progress import say


def together(*works: Callable[[], object]) -> None:
    """Run pieces of work at the same time and wait for all of them.

    A failure is printed at once. The others continue, because the next attempt can use their results.

    Raises:
        OperationError: one of them failed or several did; the message has every failure.

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
