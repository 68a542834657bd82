import json
from pathlib import Path

import pytest

from ops.config_yaml import UNDECRYPTED
from ops.errors import OperationError
from ops.stack import Stack

PULUMI_YAML = """
name: ship
config:
  replicas: {type: integer, default: 2}
  local: {type: boolean, default: false}
  zones: {type: array, default: [a, b], items: {type: string}}
  registry: {type: string}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PULUMI_YAML)
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {slipway:registry: here, slipway:replicas: 3}")
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config: {slipway:token: {secure: v1:abc=}, aws:region: eu-west-1}"
    )
    return tmp_path


def test_a_value_of_the_stack_overrides_the_projects_default(project: Path):
    stack = Stack.read("dev", project)

    assert stack.get("replicas") == "3"
    assert stack.get("registry") == "here"


def test_values_are_text_as_they_are_with_the_engine(project: Path):
    assert Stack.read("dev", project).config == {
        "slipway:replicas": "3",
        "slipway:local": "false",
        "slipway:zones": '["a", "b"]',
        "slipway:registry": "here",
    }


def test_a_missing_key_without_a_default_raises_a_key_error(project: Path):
    with pytest.raises(KeyError):
        Stack.read("prod", project).get("registry")


def test_the_key_of_a_secret_is_known_but_not_its_value(project: Path):
    stack = Stack.read("prod", project)

    assert stack.secret_keys == {"slipway:token"}
    assert stack.get("token") == UNDECRYPTED


GROUP = """
config:
  slipway:exposure:
    tls: {issuer: letsencrypt, days: 30}
    keys: [{name: a, key: {secure: v1:abc=}}]
  slipway:plain: {secure: v1:abc=, other: x}
"""


@pytest.fixture
def grouped(project: Path) -> Stack:
    (project / "Pulumi.dev.yaml").write_text(GROUP)
    return Stack.read("dev", project)


def test_a_group_is_json_as_it_is_with_the_engine(grouped: Stack):
    assert json.loads(grouped.get("exposure")) == {
        "tls": {"issuer": "letsencrypt", "days": 30},
        "keys": [{"name": "a", "key": UNDECRYPTED}],
    }


def test_a_setting_within_a_group_is_found_by_its_path(grouped: Stack):
    assert grouped.get("exposure.tls.issuer") == "letsencrypt"
    assert grouped.get("exposure.tls.days") == "30"
    with pytest.raises(KeyError):
        grouped.get("exposure.tls.secret")


def test_a_key_with_a_secret_within_its_value_is_a_secret_key(grouped: Stack):
    assert grouped.secret_keys == {"slipway:exposure"}


def test_keys_of_other_namespaces_are_kept(project: Path):
    assert Stack.read("prod", project).config["aws:region"] == "eu-west-1"


def test_the_error_for_a_missing_stack_lists_the_stacks(project: Path):
    with pytest.raises(OperationError, match=r"no stack 'staging': Pulumi.staging.yaml .*stacks: dev, prod"):
        Stack.read("staging", project)


def test_the_dev_stack_is_local_and_the_prod_stack_is_not():
    assert Stack.read("dev").is_local
    assert not Stack.read("prod").is_local
