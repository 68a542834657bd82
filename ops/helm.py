"""Write a Helm release of the program as a `helm` command.

https://helm.sh/docs/helm/helm_upgrade/
"""

import shlex
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Release:
    """A Helm release: a chart of a fixed version, with its values."""

    name: str
    namespace: str
    chart: str
    """Name of the chart in the repository, or its address in a registry, `oci://…`."""

    version: str
    repository: str | None
    """None for a chart in a registry."""

    timeout_seconds: int | None
    """How long Helm waits; None means Helm's default."""
    values: dict[str, Any]

    @classmethod
    def of(cls, inputs: dict[str, Any]) -> "Release":
        """Read the inputs of Pulumi's `helm.v3.Release`."""
        return cls(
            name=inputs["name"],
            namespace=inputs["namespace"],
            chart=inputs["chart"],
            version=inputs["version"],
            repository=inputs.get("repositoryOpts", {}).get("repo"),
            timeout_seconds=inputs.get("timeout"),
            values=inputs["values"],
        )

    def command(self, values: str) -> str:
        """Return the command line that installs or upgrades the release as the engine does.

        Args:
            values: the path of the file with the values.

        """
        flags = {
            **({"repo": self.repository} if self.repository else {}),
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
