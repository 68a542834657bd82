"""Write a setting to the file of a stack, and change nothing else in it."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from ops.errors import OperationError
from ops.stack import NAMESPACE, PROJECT


def set_value(stack: str, key: str, value: str, folder: Path = PROJECT) -> Path:
    """Write a setting to `Pulumi.<stack>.yaml` and return the path of that file.

    Args:
        stack: the name of the stack.
        key: the key of the setting, without the prefix `slipway:`.
        value: the new value.
        folder: the folder of Pulumi.yaml.

    Raises:
        OperationError: there is no such stack or setting, or the setting is within a group, is a secret in
            the file or does not have its own line there.

    """
    file = folder / f"Pulumi.{stack}.yaml"
    project: dict[str, Any] = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    described: dict[str, dict[str, Any]] = project["config"]
    group = re.split(r"[.[]", key)[0]
    if described.get(group, {}).get("type") in ("object", "array"):
        raise OperationError(
            f"{group} is a group of settings: change Pulumi.{stack}.yaml in an editor, or use "
            f"`pulumi config set --path '{NAMESPACE}:{key}' VALUE`"
        )
    if key not in described:
        raise OperationError(f"no setting {key!r}: Pulumi.yaml describes all settings")
    if not file.exists():
        raise OperationError(f"no stack {stack!r}: {file.name} is missing")
    full = f"{NAMESPACE}:{key}"
    before: dict[str, Any] = yaml.safe_load(file.read_text()) or {}
    after = _written(file.read_text(), full, value)
    config: dict[str, Any] = before.get("config") or {}
    expected = {**before, "config": {**config, full: value}}
    if not _reads_as(after, expected):
        raise OperationError(f"{full} does not have its own line in {file.name}: change it in an editor")
    file.write_text(after)
    return file


def _written(text: str, full: str, value: str) -> str:
    # A JSON string is a quoted YAML string, so YAML does not read the value as a number.
    line = f"  {full}: {json.dumps(value)}\n"
    there = re.compile(rf"^  {re.escape(full)}:.*\n?", re.MULTILINE)
    if there.search(text):
        return there.sub(lambda _: line, text)
    if re.search(r"^config:\s*$", text, re.MULTILINE):
        return re.sub(r"^config:[ \t]*\n?", lambda _: f"config:\n{line}", text, count=1, flags=re.MULTILINE)
    return text if re.search(r"^config:", text, re.MULTILINE) else f"{text}config:\n{line}"


def _reads_as(text: str, expected: dict[str, Any]) -> bool:
    try:
        return yaml.safe_load(text) == expected
    except yaml.YAMLError:
        return False
