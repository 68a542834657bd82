"""Build the wheel `slipway`, which holds the exporter: the folder `model`, as the package `slipway._export`.

A package with the name `model` would hide the user's own `model.py`.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IMPORT = re.compile(r"^(\s*(?:from|import) )model\b", re.MULTILINE)
PRIVATE = r"\1slipway._export"


class CustomBuildHook(BuildHookInterface):  # pyright: ignore[reportMissingTypeArgument] - its argument is hatchling's own
    """Puts a copy of the exporter into the wheel, whose imports have the other name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy the exporter and rename what it imports, before the wheel is built."""
        del version
        self.folder = Path(tempfile.mkdtemp())
        root = Path(self.root)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / "slipway", self.folder / "slipway", ignore=ignored)
        shutil.copytree(root / "model", self.folder / "slipway" / "_export", ignore=ignored)
        for file in self.folder.rglob("*.py"):
            file.write_text(IMPORT.sub(PRIVATE, file.read_text()))
        build_data["force_include"][str(self.folder / "slipway")] = "slipway"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copy."""
        del version, build_data, artifact_path
        shutil.rmtree(self.folder)
