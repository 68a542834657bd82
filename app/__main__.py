"""Serves the artifact at SLIPWAY_MODEL_PATH: `python -m app`."""

import logging
import os
import sys

import uvloop

from app import logs
from app.http.server import serve
from app.memory import give_back_large_blocks
from app.settings import Settings, SettingsError
from app.signature import ArtifactError

USAGE_ERROR = 2
"""The exit status when the environment is wrong."""


def main() -> int:
    """Read the environment, serve, and return the exit status."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE_ERROR
    logs.configure(settings.log_level)
    give_back_large_blocks()
    try:
        return uvloop.run(serve(settings))
    except (ArtifactError, OSError) as error:
        logging.getLogger(__name__).error("not started: %s", error)  # noqa: TRY400 - the message says enough
        return 1


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Do not wait for threads that still compute: no client waits for their results.
    os._exit(status)
