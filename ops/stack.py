"""Read the configuration of a stack without the Pulumi engine."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ops.config_yaml import as_text, load, without_secrets
from ops.errors import OperationError

NAMESPACE = "slipway"
"""The prefix of the settings' keys. It does not change with the name of the project."""

ONLY_MODEL = "model"
"""Name of the Service of a model that a stack serves without a list of models."""

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

    @property
    def models(self) -> list["Stack"]:
        """The stack as each of its models sees it: with the model's own settings in place of the stack's."""
        return [self._with(own) for own in self._list] or [self]

    @property
    def has_list(self) -> bool:
        """Whether the stack has a list of models, and so names its outputs and Services after them."""
        return bool(self._list)

    @property
    def service(self) -> str:
        """The name of the Service of the stack's model, or of the model that this is one of `models` for."""
        return self.get("model") if self.has_list else ONLY_MODEL

    def _with(self, own: dict[str, Any]) -> "Stack":
        """Return the stack with other settings. An object is merged with the stack's, as by the program."""
        config = dict(self.config)
        for name, value in own.items():
            key = f"{NAMESPACE}:{name}"
            if isinstance(value, dict):
                value = _merged(json.loads(config.get(key, "{}")), cast(dict[str, Any], value))
            config[key] = as_text(value)
        return replace(self, config=config)

    @property
    def _list(self) -> list[dict[str, Any]]:
        """The items of the list of models. The program says what is wrong within them.

        Raises:
            OperationError: it is no list of objects.

        """
        try:
            items: Any = json.loads(self.get("models"))
        except ValueError:
            items = None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in cast(list[Any], items)):
            raise OperationError(
                f"stack {self.name}: {NAMESPACE}:models: a list of objects, each with a model"
            )
        return cast(list[dict[str, Any]], items)

    def choose(self, model: str | None) -> list["Stack"]:
        """Return those of `models` that serve a model of a name, or all of them if it is None.

        Raises:
            OperationError: the stack serves no model of this name.

        """
        found = [view for view in self.models if model in (None, view.get("model"))]
        if not found:
            names = ", ".join(view.get("model") for view in self.models)
            raise OperationError(f"stack {self.name} serves no model {model!r}: it serves {names}")
        return found

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


def _merged(outer: Any, inner: Any) -> Any:  # noqa: ANN401 - any JSON value
    if not (isinstance(outer, dict) and isinstance(inner, dict)):
        return inner
    first, second = cast(dict[str, Any], outer), cast(dict[str, Any], inner)
    return {**first, **{key: _merged(first.get(key), value) for key, value in second.items()}}
