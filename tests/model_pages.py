"""The pages of docs/models: the files and the commands of their examples, as they are printed."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ops.stack import PROJECT
from tests.readme import Block, blocks

PAGES = PROJECT / "docs" / "models"
ADDRESS = "localhost:8000"
"""Where the pages say that the service is."""


@dataclass(frozen=True)
class ModelPage:
    """The first example of a page."""

    files: list[Block]
    commands: list[str]

    @classmethod
    def read(cls, name: str) -> Self:
        """Read the files of a page's example and the commands below them."""
        found = blocks((PAGES / f"{name}.md").read_text())
        first = next(index for index, block in enumerate(found) if block.file)
        last = next(index for index, block in enumerate(found) if index > first and not block.file)
        return cls(found[first:last], found[last].commands)

    @property
    def model(self) -> str:
        """The name of the model that the page serves."""
        return next(command for command in self.commands if command.startswith("make serve")).partition("=")[
            2
        ]

    @property
    def curls(self) -> list[str]:
        """The requests to the service."""
        return [command for command in self.commands if command.startswith("curl ")]

    def prepare(self, folder: Path) -> None:
        """Put the files of the page into a folder, with links to the exporter and its environment."""
        for block in self.files:
            (folder / str(block.file)).write_text(block.text)
        for name in ("model", "slipway"):
            (folder / name).symlink_to(PROJECT / name)
        (folder / ".venv").symlink_to(sys.prefix)

    def export(self, folder: Path) -> Path:
        """Run the commands of the page, but those that serve and ask; return the artifact's folder."""
        for command in self.commands:
            if not command.startswith(("make ", "curl ")):
                run(command, folder)
        return self.artifact(folder)

    def artifact(self, folder: Path) -> Path:
        """Return the artifact that the page's commands write into a folder."""
        return folder / "build" / "model" / self.model / "latest"


def ask(command: str, folder: Path, url: str) -> str:
    """Run a curl of a page, with a service at another URL; return what it writes to stdout."""
    return run(command.replace(ADDRESS, url), folder)


def run(command: str, folder: Path) -> str:
    """Run a command in a shell; return what it writes to stdout."""
    done = subprocess.run(["sh", "-ec", command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
