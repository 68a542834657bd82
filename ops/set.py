"""A setting of a stack, written into its file with everything else there left as it is."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from ops.errors import OperationError
from ops.stack import NAMESPACE, PROJECT


def set_value(stack: str, key: str, value: str, folder: Path = PROJECT) -> Path:
    """Set a setting of the project in `Pulumi.<stack>.yaml`; return the file.

    Raises:
        OperationError: there is no such stack or setting, or the file has it as a secret or in a form
            that is not a line of its own.

    """
    file = folder / f"Pulumi.{stack}.yaml"
    project: dict[str, Any] = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    if key not in project["config"]:
        raise OperationError(f"no setting {key!r}: Pulumi.yaml describes those that there are")
    if not file.exists():
        raise OperationError(f"no stack {stack!r}: {file.name} is missing")
    full = f"{NAMESPACE}:{key}"
    before: dict[str, Any] = yaml.safe_load(file.read_text()) or {}
    after = _written(file.read_text(), full, value)
    config: dict[str, Any] = before.get("config") or {}
    expected = {**before, "config": {**config, full: value}}
    if not _reads_as(after, expected):
        raise OperationError(f"{file.name} does not have {full} on a line of its own: change it in an editor")
    file.write_text(after)
    return file


def _written(text: str, full: str, value: str) -> str:
    # A JSON string is a YAML string that no value is mistaken for a number in.
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
