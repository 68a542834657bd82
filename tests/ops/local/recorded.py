"""A cluster that only writes down what it is asked, for what is started on top of the local cluster."""

from pathlib import Path
from types import ModuleType

import pytest

from ops.local import from_modules


class RecordedCluster:
    """A cluster where everything succeeds at once, and that writes down what it was asked."""

    applied: str
    """What kubectl prints of the definitions that it has applied."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, program: ModuleType) -> None:
        """Stand in for the cluster, the builds and the registry of a module that starts programs."""
        self.did: list[str] = []
        self.is_healthy = True
        monkeypatch.setattr(from_modules, "healthy", lambda: self.is_healthy)
        monkeypatch.setattr(from_modules, "kubectl", lambda: self)
        monkeypatch.setattr(program, "driver", lambda: from_modules)
        monkeypatch.setattr(program, "build", self._build)
        monkeypatch.setattr(program, "sources", lambda module, _, folder: Path("/sources", module, folder))
        monkeypatch.setattr(program, "push_program", lambda image, *_: self.did.append(f"push {image}"))

    def _build(self, *modules: str) -> list[Path]:
        self.did.append(f"build {' '.join(modules)}")
        return [Path("/built")] * len(modules)

    def __call__(self, *arguments: str) -> str:
        self.did.append(" ".join(arguments))
        return self.applied

    def at(self, *words: str) -> int:
        """Return when something was done, which was done once."""
        (index,) = [index for index, line in enumerate(self.did) if all(word in line for word in words)]
        return index
