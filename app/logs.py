"""Writes logs as JSON lines to stdout: https://kubernetes.io/docs/concepts/cluster-administration/logging/."""

import logging
import logging.config
import re
import time
from collections import Counter
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS


def configure(level: str) -> None:
    """Format all log messages and Python warnings of this process as JSON lines.

    Args:
        level: the lowest level that is logged, in any case.

    """
    logging.captureWarnings(capture=True)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.orjson.OrjsonFormatter",
                    "fmt": "%(levelname)s %(name)s %(message)s",
                    "rename_fields": {"levelname": "level", "name": "logger"},
                    "timestamp": "time",
                    # uvicorn adds its message a second time, in colours.
                    "reserved_attrs": [*RESERVED_ATTRS, "color_message"],
                }
            },
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "json",
                }
            },
            "root": {"level": level.upper(), "handlers": ["stdout"]},
        }
    )


WARNING_INTERVAL_SECONDS = 1.0
"""The shortest time between two written warnings of the same kind."""

_VALUES = re.compile(r"""(?<=holds )\S+|(['"]).*\1""", re.DOTALL)
"""The parts of an error message that repeat a request: a value, or all between the first and last quote."""


def without_values(detail: str) -> str:
    """Return an error message without the values of the request, which must not appear in a log."""
    return _VALUES.sub("…", detail)


class RateLimitedWarnings:
    """Writes at most one warning of each kind per second. Under load there are thousands."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._written: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def write(self, kind: str, message: str, context: dict[str, Any]) -> None:
        """Write a warning, unless one of the same kind was written less than a second ago.

        Args:
            kind: warnings with the same kind share the limit.
            message: the message of the log line.
            context: further fields of the log line. The field `left_out` is added: how many warnings of this
                kind were not written since the last one.

        """
        now = time.monotonic()
        if now - self._written.get(kind, -WARNING_INTERVAL_SECONDS) < WARNING_INTERVAL_SECONDS:
            self._left_out[kind] += 1
            return
        self._written[kind] = now
        self._log.warning(message, extra={**context, "left_out": self._left_out.pop(kind, 0)})
