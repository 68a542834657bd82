"""What the tests of several kinds of models need."""

import json
from pathlib import Path

import pytest

from model.__main__ import main


class Exported:
    """Exports a model called `mine` by the command line, in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str]:
        """Return the exit status, with stdout if it is 0, else with stderr."""
        given = [str(argument) for argument in arguments]
        status = main(["export", "--name", "mine", "--output", str(self.folder / "out"), *given])
        said = self._capsys.readouterr()
        return status, said.err if status else said.out

    @property
    def path(self) -> Path:
        """The artifact that was exported last."""
        return self.folder / "out" / "mine" / "latest"

    @property
    def signature(self):
        """Its signature."""
        return json.loads((self.path / "signature.json").read_text())

    def shapes(self, kind: str) -> dict[str, list[int]]:
        """Return the shapes of its inputs or outputs."""
        return {tensor["name"]: tensor["shape"] for tensor in self.signature[kind]}


@pytest.fixture
def exported(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Exported(tmp_path, capsys)
