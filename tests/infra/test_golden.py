"""The objects of the three stacks of this project, and of one with two models, stored as text.

After an intended change, write the files anew with `pytest tests/infra/test_golden.py --update-golden`, and
read the difference before you commit it.
"""

import difflib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.stack import PROJECT
from tests.conftest import StackOf
from tests.infra.declarations import PROVIDERS, Declaration, declarations

GOLDEN = Path(__file__).with_name("golden")
STACKS = sorted(path.name.split(".")[1] for path in PROJECT.glob("Pulumi.*.yaml"))

TWO_MODELS = "two-models"
"""A stack like `dev` with two models."""

SAME_EVERYWHERE = {
    "model": "efficientnet-lite0",
    "modelVersion": "0123456789ab",
    "modelDirectory": str((GOLDEN / "models").relative_to(PROJECT)),
    "platform": "linux/amd64",
}
"""Settings whose values would otherwise depend on the machine."""


def config_of(name: str) -> tuple[str, dict[str, Any]]:
    """Return the stack and the changed settings of a golden file."""
    if name != TWO_MODELS:
        return name, SAME_EVERYWHERE
    digits = {"model": "digits", "batchSize": 8, "exposure": {"nodePort": 30082}}
    models = [digits, {"model": SAME_EVERYWHERE["model"]}]
    return "dev", {**SAME_EVERYWHERE, "models": json.dumps(models)}


class Dumper(yaml.SafeDumper):
    """Writes text with several lines as a literal block, without escapes."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, _represent_text)


def to_text(declared: list[Declaration]) -> str:
    """Write declarations as YAML, one document each.

    Providers are left out: their inputs name files of this machine.
    """
    return "---\n".join(
        f"# {declaration.type} {declaration.name}\n{_dump(declaration)}"
        for declaration in declared
        if not declaration.type.startswith(PROVIDERS)
    )


def _dump(declaration: Declaration) -> str:
    # Keys are sorted: a message of Protocol Buffers has no order of its own.
    content: dict[str, Any] = {"inputs": declaration.inputs, "options": declaration.options}
    return yaml.dump(content, Dumper=Dumper, width=110, sort_keys=True, allow_unicode=True)


@pytest.mark.parametrize("name", [*STACKS, TWO_MODELS])
def test_the_objects_of_a_stack_are_those_of_its_golden_file(
    stack_of: StackOf, name: str, pytestconfig: pytest.Config
):
    file = GOLDEN / f"{name}.yaml"
    stack, config = config_of(name)
    text = to_text(declarations(stack_of(stack, **config)))
    if pytestconfig.getoption("--update-golden"):
        file.write_text(text, encoding="utf-8")

    expected = file.read_text(encoding="utf-8")

    changes = difflib.unified_diff(
        expected.splitlines(), text.splitlines(), "golden", "declared", lineterm=""
    )
    assert not (lines := [*changes]), "\n".join(["stack " + name + " has changed:", *lines])


def test_every_stack_has_a_golden_file_and_every_golden_file_a_stack():
    assert sorted(path.stem for path in GOLDEN.glob("*.yaml")) == sorted([*STACKS, TWO_MODELS])


@pytest.mark.parametrize("name", [*STACKS, TWO_MODELS])
def test_a_golden_file_has_no_secret_and_no_path_of_this_machine(name: str):
    text = (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")

    assert "kind: Secret" not in text
    assert str(Path.home()) not in text
    assert str(PROJECT) not in text
