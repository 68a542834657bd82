"""Check types with pyright, except in files that import a package of an extra that is not installed.

pyright reports every use of a package that it cannot find. This command prints the files that it leaves out.
"""

import ast
import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path

from ops.environment.groups import PROJECT
from ops.progress import say

SDKS = ("pulumi_aws", "pulumi_azure_native", "pulumi_gcp")
"""The packages of the clouds that the code imports by name; `make clouds` installs them."""

CONVERTERS = (
    "catboost",
    "keras",
    "lightgbm",
    "onnxmltools",
    "pandas",
    "skl2onnx",
    "skops",
    "tokenizers",
    "xgboost",
)
"""The packages for other models than those of PyTorch; each kind of model has an extra."""

CONFIG = PROJECT / "build" / "pyright.json"


def main() -> int:
    """Run pyright over the project; return its exit status."""
    missing = {name for name in (*SDKS, *CONVERTERS) if importlib.util.find_spec(name) is None}
    skipped = files_that_import(missing)
    if skipped:
        names = ", ".join(map(str, skipped))
        say(
            f"types not checked in {len(skipped)} files, whose packages "
            f"`make clouds models tensorflow` would install: {names}"
        )
    CONFIG.parent.mkdir(exist_ok=True)
    ignored = [f"../{path}" for path in skipped]
    CONFIG.write_text(json.dumps({"extends": "../pyproject.toml", "ignore": ignored}))
    return subprocess.run(
        [sys.executable, "-m", "pyright", "--project", CONFIG], cwd=PROJECT, check=False
    ).returncode


def files_that_import(packages: set[str]) -> list[Path]:
    """Return the files, relative to the project, that import one of these packages."""
    included = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["pyright"]["include"]
    files = [file for name in included for file in sorted([PROJECT / name, *(PROJECT / name).rglob("*.py")])]
    return [
        file.relative_to(PROJECT)
        for file in files
        if file.is_file() and packages & _imports(file.read_text())
    ]


def _imports(source: str) -> set[str]:
    """Return the top-level packages that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                names |= {alias.name.partition(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module.partition(".")[0])
            case _:
                pass
    return names


if __name__ == "__main__":
    sys.exit(main())
