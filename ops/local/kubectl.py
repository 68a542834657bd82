"""Run kubectl on the local cluster, never on another."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.commands import output_of
from ops.errors import OperationError
from ops.local.network import direct
from ops.local.paths import KUBECONFIG


@dataclass(frozen=True)
class Kubectl:
    """kubectl with a fixed kubeconfig."""

    bin_folder: Path | None
    """The folder of the program; None means the kubectl on PATH."""

    kubeconfig: Path = KUBECONFIG

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return its stdout.

        Raises:
            OperationError: it failed; the message has its stderr.

        """
        return output_of([*self._command, *arguments], stdin=stdin, env=direct(os.environ))

    @property
    def _command(self) -> list[str]:
        program = str(self.bin_folder / "kubectl") if self.bin_folder else "kubectl"
        return [program, "--kubeconfig", str(self.kubeconfig)]

    def command(self) -> str:
        """Return the start of a command line, for messages to the user."""
        return " ".join(self._command)

    def get(self, *arguments: str) -> Any:  # noqa: ANN401 - an object of any kind
        """Return an object or a list of objects, decoded from JSON."""
        return json.loads(self("get", *arguments, "--output=json"))

    def succeeds(self, *arguments: str) -> bool:
        """Tell whether a call succeeds."""
        try:
            self(*arguments)
        except OperationError:
            return False
        return True

    def ready(self) -> bool:
        """Tell whether the API server is ready."""
        return self.succeeds("get", "--raw=/readyz", "--request-timeout=2s")
