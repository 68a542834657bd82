"""A server for tests of HTTP/1.1: with short time limits, and slow for one kind of body."""

from collections.abc import Callable

import pytest

from tests.app.process import SAMPLE, Process
from tests.app.wrapped import wrapped

SLOW_BODY = SAMPLE.replace(b"[0", b"[999")
"""A sample for which the model of `slow_server` takes 1.5 seconds."""


@pytest.fixture(scope="module")
def slow_server(start_module: Callable[..., Process]) -> Process:
    server = start_module(
        before=wrapped("if value > 100: time.sleep(1.5)"),
        head_timeout_seconds=1,
        body_timeout_seconds=2,
        threads=1,
    )
    server.wait_for("/health/ready")
    return server
