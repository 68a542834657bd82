import re
from pathlib import Path

import pytest
import yaml

from ops.errors import OperationError
from ops.set import set_value
from ops.stack import PROJECT, Stack

PULUMI_YAML = """
name: ship
config:
  model: {type: string, default: tiny}
  port: {type: integer, default: 0}
  token: {type: string}
  pod: {type: object, default: {}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PULUMI_YAML)
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("config:\n  slipway:port: 1\n", 'config:\n  slipway:model: "flowers"\n  slipway:port: 1\n'),
        ("config:\n  # Why.\n  slipway:model: a # b\n", 'config:\n  # Why.\n  slipway:model: "flowers"\n'),
        ("config:", 'config:\n  slipway:model: "flowers"\n'),
        ("", 'config:\n  slipway:model: "flowers"\n'),
        ("encryptionsalt: v1:a\n", 'encryptionsalt: v1:a\nconfig:\n  slipway:model: "flowers"\n'),
        ("config:\n  slipway:port: 1\nencryptionsalt: b\n",
         'config:\n  slipway:model: "flowers"\n  slipway:port: 1\nencryptionsalt: b\n'),
    ],
)  # fmt: skip
def test_a_setting_is_written_and_the_rest_of_the_file_is_not_changed(project: Path, before: str, after: str):
    (project / "Pulumi.dev.yaml").write_text(before)

    for _ in ("once", "again"):
        file = set_value("dev", "model", "flowers", project)
        assert file.read_text() == after


@pytest.mark.parametrize("value", ["30081", "true", "a: b # c", 'say "hello"', ""])
def test_a_value_is_text_even_if_it_looks_like_a_number(project: Path, value: str):
    (project / "Pulumi.dev.yaml").write_text("config:\n")

    set_value("dev", "port", value, project)

    assert Stack.read("dev", project).get("port") == value


def test_an_unknown_key_is_an_error(project: Path):
    (project / "Pulumi.dev.yaml").write_text("config:\n")

    with pytest.raises(OperationError, match=r"no setting 'modle': Pulumi\.yaml describes"):
        set_value("dev", "modle", "flowers", project)


@pytest.mark.parametrize("key", ["pod", "pod.priorityClass", "pod[0]"])
def test_a_setting_within_a_group_is_an_error_that_says_how_to_set_it(project: Path, key: str):
    (project / "Pulumi.dev.yaml").write_text("config:\n")

    with pytest.raises(OperationError, match=rf"`pulumi config set --path 'slipway:{re.escape(key)}' VALUE`"):
        set_value("dev", key, "high", project)


def test_a_stack_without_a_file_is_an_error(project: Path):
    with pytest.raises(OperationError, match=r"no stack 'staging': Pulumi\.staging\.yaml is missing"):
        set_value("staging", "model", "flowers", project)


@pytest.mark.parametrize(
    "text", ["config:\n  slipway:token:\n    secure: v1:abc\n", "config: {slipway:token: a}\n"]
)
def test_a_setting_without_its_own_line_is_an_error(project: Path, text: str):
    file = project / "Pulumi.dev.yaml"
    file.write_text(text)

    with pytest.raises(
        OperationError, match=r"slipway:token does not have its own line in Pulumi\.dev\.yaml"
    ):
        set_value("dev", "token", "b", project)

    assert file.read_text() == text


@pytest.mark.parametrize("stack", ["dev", "watched", "prod"])
def test_the_committed_stacks_can_be_set(tmp_path: Path, stack: str):
    for name in ("Pulumi.yaml", f"Pulumi.{stack}.yaml"):
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())

    file = set_value(stack, "model", "flowers", tmp_path)

    assert yaml.safe_load(file.read_text())["config"]["slipway:model"] == "flowers"
