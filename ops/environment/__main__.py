"""`python3 -m ops.environment GROUP...` installs groups of packages into `.venv`.

This module and `pythons` also run on Pythons older than the project supports, to say which one it needs.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from ops.environment.pythons import UnsupportedPythonError, find_python


def main() -> NoReturn:
    """Choose the Python that makes the environment, and become `ops.environment.install` in it.

    Raises:
        SystemExit: There is no supported Python.

    """
    parser = argparse.ArgumentParser(prog="python3 -m ops.environment", description=__doc__)
    parser.add_argument(
        "--python", default="", help="the Python to use; by default the newest supported one on PATH"
    )
    parser.add_argument(
        "groups", nargs="+", metavar="GROUP", help="core, checks, pytorch, tensorflow, clouds"
    )
    options = parser.parse_args()
    try:
        python = find_python(options.python)
    except UnsupportedPythonError as error:
        sys.exit(f"error: {error}")
    flags = ["--same-python"] if options.python else []
    os.execv(python, [python, "-m", "ops.environment.install", *flags, *options.groups])  # noqa: S606 - a path, no shell


if __name__ == "__main__":
    main()
