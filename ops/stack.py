"""Read the configuration of a stack without the Pulumi engine."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.config_yaml import as_text, load, without_secrets
from ops.errors import OperationError

NAMESPACE = "slipway"
"""The prefix of the settings' keys. It does not change with the name of the project."""

PROJECT = Path(__file__).resolve().parent.parent
"""The folder of Pulumi.yaml."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of the project, with its configuration and the defaults of the project."""

    project: str
    name: str
    config: dict[str, str]
    """The values by full key, such as `slipway:model`, as text; objects and lists as JSON."""

    secret_keys: frozenset[str]

    @property
    def is_local(self) -> bool:
        """Whether the stack runs on the local cluster of this machine."""
        return self.get("cluster") == "local"

    @property
    def namespace(self) -> str:
        """The namespace of the cluster that it is deployed into."""
        return self.get("namespace") or f"{self.project}-{self.name}"

    def get(self, key: str) -> str:
        """Return the value of a setting.

        Args:
            key: its key, or for a setting within a group the path of keys: `pod.priorityClass`.

        Raises:
            KeyError: neither the stack nor the project sets it.

        """
        key, *path = key.split(".")
        value: Any = self.config[f"{NAMESPACE}:{key}"]
        if path:
            value = json.loads(value)
        for step in path:
            value = value[step]
        return as_text(value)

    @classmethod
    def read(cls, name: str, folder: Path = PROJECT) -> "Stack":
        """Read `Pulumi.yaml` and `Pulumi.<name>.yaml`.

        Raises:
            OperationError: there is no file for this stack.

        """
        file = folder / f"Pulumi.{name}.yaml"
        if not file.exists():
            there = ", ".join(sorted(path.name.split(".")[1] for path in folder.glob("Pulumi.*.yaml")))
            raise OperationError(f"no stack {name!r}: {file.name} is missing (stacks: {there})")
        project: dict[str, Any] = load((folder / "Pulumi.yaml").read_text())
        stack: dict[str, Any] = load(file.read_text()) or {}
        given: dict[str, Any] = stack.get("config") or {}
        defaults = {
            f"{NAMESPACE}:{key}": declared["default"]
            for key, declared in project["config"].items()
            if "default" in declared
        }
        decrypted = {key: without_secrets(value) for key, value in given.items()}
        return cls(
            project=project["name"],
            name=name,
            config={key: as_text(value) for key, value in {**defaults, **decrypted}.items()},
            secret_keys=frozenset(key for key, value in given.items() if value != decrypted[key]),
        )
