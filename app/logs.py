"""Logs as JSON lines on stdout: https://kubernetes.io/docs/concepts/cluster-administration/logging/."""

import logging
import logging.config
import re
import time
from collections import Counter
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS


def configure(level: str) -> None:
    """Send every log of this process through one formatter, warnings included."""
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
                    # uvicorn's message once more, in colours.
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


WARNED_EVERY_SECONDS = 1.0
"""How often a warning of one kind is written, however many there are."""

_GIVEN = re.compile(r"""(?<=holds )\S+|(['"]).*\1""", re.DOTALL)
"""What a detail repeats of a request: a value, or all between the first quotation mark and the last."""


def without_values(detail: str) -> str:
    """Return the detail of a problem without what it repeats of the request: no payload goes into a log."""
    return _GIVEN.sub("…", detail)


class RateLimitedWarnings:
    """Warnings that come by the thousand a second under load: of each kind, one a second is written."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._written: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def write(self, kind: str, message: str, context: dict[str, Any]) -> None:
        """Write a warning, with how many of its kind were left out before it, or leave it out."""
        now = time.monotonic()
        if now - self._written.get(kind, -WARNED_EVERY_SECONDS) < WARNED_EVERY_SECONDS:
            self._left_out[kind] += 1
            return
        self._written[kind] = now
        self._log.warning(message, extra={**context, "left_out": self._left_out.pop(kind, 0)})
