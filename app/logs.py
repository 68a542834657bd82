"""Logs as JSON lines on stdout: https://kubernetes.io/docs/concepts/cluster-administration/logging/."""

import logging.config

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
