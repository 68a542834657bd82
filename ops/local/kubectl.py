"""kubectl, talking to the local cluster and to no other."""

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
    """kubectl of one folder and one kubeconfig."""

    bin_folder: Path | None
    kubeconfig: Path = KUBECONFIG

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run it and return what it printed.

        Raises:
            OperationError: it failed; the message is its own.

        """
        return output_of([*self._command, *arguments], stdin=stdin, env=direct(os.environ))

    @property
    def _command(self) -> list[str]:
        program = str(self.bin_folder / "kubectl") if self.bin_folder else "kubectl"
        return [program, "--kubeconfig", str(self.kubeconfig)]

    def command(self) -> str:
        """Return the command line's start, for a person to go on with."""
        return " ".join(self._command)

    def get(self, *arguments: str) -> Any:  # noqa: ANN401 - an object of any kind
        """Return an object, or a list of them, as JSON."""
        return json.loads(self("get", *arguments, "--output=json"))

    def succeeds(self, *arguments: str) -> bool:
        """Tell whether a call succeeds."""
        try:
            self(*arguments)
        except OperationError:
            return False
        return True

    def ready(self) -> bool:
        """Tell whether the API server says that it is ready."""
        return self.succeeds("get", "--raw=/readyz", "--request-timeout=2s")
