"""Where packages come from: pip's own settings, for uv, which does not read them."""

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
    """Return the environment for uv: this process's, with pip's settings where uv has none of its own.

    Args:
        python: A Python with pip. Its settings come from variables (`PIP_INDEX_URL`) and from pip.conf.

    """
    pip = _pip_settings(output_of([python, "-m", "pip", "config", "list"]))
    environment: dict[str, str] = {}
    for setting, variable in _VARIABLES.items():
        words = pip.get(setting, "").split()
        if setting == "find-links":
            # pip ignores a folder that is not there; for uv it is an error.
            words = [word for word in words if "://" in word or Path(word).is_dir()]
        if words:
            # Of find-links uv takes a list with commas; of indexes one with blanks.
            environment[variable] = ("," if setting == "find-links" else " ").join(words)
    if "UV_INDEX" in environment:
        # pip takes the best version that any of its indexes has.
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
