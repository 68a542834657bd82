"""Pass pip's settings of indexes to uv, which does not read them."""

import ast
import os
from pathlib import Path

from ops.commands import output_of

_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
"""uv's variable for each of pip's settings: https://docs.astral.sh/uv/reference/environment/."""


def uv_environment(python: Path) -> dict[str, str]:
    """Return the environment variables for uv: those of this process, and pip's settings as uv's variables.

    A variable of uv that is already set wins.

    Args:
        python: A Python with pip. Its settings come from variables (`PIP_INDEX_URL`) and from pip.conf.

    """
    pip = _pip_settings(output_of([python, "-m", "pip", "config", "list"]))
    environment: dict[str, str] = {}
    for setting, variable in _VARIABLES.items():
        words = pip.get(setting, "").split()
        if setting == "find-links":
            # pip ignores a missing folder; uv fails.
            words = [word for word in words if "://" in word or Path(word).is_dir()]
        if words:
            # uv separates the list of find-links with commas, and that of indexes with spaces.
            environment[variable] = ("," if setting == "find-links" else " ").join(words)
    if "UV_INDEX" in environment:
        # As pip does: choose the best version of all indexes.
        environment["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {**environment, **os.environ}


def wheel_folders(environment: dict[str, str]) -> list[Path]:
    """Return the local folders in which uv looks for wheels."""
    words = environment.get("UV_FIND_LINKS", "").replace(",", " ").split()
    return [Path(word) for word in words if "://" not in word]


def _pip_settings(listed: str) -> dict[str, str]:
    """Read `pip config list`: `global.index-url='…'` from a file, `:env:.index-url='…'` from a variable."""
    settings: dict[str, str] = {}
    from_environment: dict[str, str] = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        target = from_environment if section.startswith(":env:") else settings
        target[name] = str(ast.literal_eval(value))
    return {**settings, **from_environment}
