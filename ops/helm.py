"""Helm releases, as `helm` makes them where the engine does not.

https://helm.sh/docs/helm/helm_upgrade/
"""

import shlex
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Release:
    """A chart, pinned, with its values."""

    name: str
    namespace: str
    chart: str
    version: str
    repository: str
    timeout_seconds: int | None
    """None is Helm's own."""
    values: dict[str, Any]

    @classmethod
    def of(cls, inputs: dict[str, Any]) -> "Release":
        """Read the inputs of a `helm.v3.Release`, as they go over the wire."""
        return cls(
            name=inputs["name"],
            namespace=inputs["namespace"],
            chart=inputs["chart"],
            version=inputs["version"],
            repository=inputs["repositoryOpts"]["repo"],
            timeout_seconds=inputs.get("timeout"),
            values=inputs["values"],
        )

    def command(self, values: str) -> str:
        """Return the command line that installs or upgrades it, as the engine would.

        Args:
            values: the file that holds the values.

        """
        flags = {
            "repo": self.repository,
            "version": self.version,
            "namespace": self.namespace,
            "values": values,
            **({"timeout": f"{self.timeout_seconds}s"} if self.timeout_seconds else {}),
        }
        return shlex.join(
            ["helm", "upgrade", "--install", self.name, self.chart]
            + [word for flag, value in flags.items() for word in (f"--{flag}", value)]
            + ["--wait"]
        )
