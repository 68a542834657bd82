"""Where the commands find the API key of a stack."""

import json

import pytest

from ops import keys
from ops.errors import OperationError
from ops.stack import PROJECT
from tests.conftest import StackOf
from tests.ops.conftest import Programs

GET = f"pulumi --cwd {PROJECT} config get --path slipway:access.apiKeys[0] --stack prod"
OWN = {"access": json.dumps({"apiKeys": ["[secret]", "[secret]"]})}
OF_THE_TEAM = json.dumps({"apiKeysSecret": "keys-of-the-team"})


@pytest.fixture(autouse=True)
def _without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(keys.VARIABLE, raising=False)


def test_a_stack_without_keys_needs_none(stack_of: StackOf, only: Programs):
    assert keys.key_of(stack_of()) is None
    assert not keys.needs_key(stack_of())
    assert only.calls == []


def test_the_first_key_of_the_stack_is_decrypted_by_the_engine(stack_of: StackOf, programs: Programs):
    programs.add("pulumi", (["config", "get"], "the-old-key-0123", 0))

    assert keys.key_of(stack_of(secret=OWN)) == "the-old-key-0123"
    assert keys.needs_key(stack_of(secret=OWN))
    assert programs.lines == [GET]


def test_the_environment_comes_first(stack_of: StackOf, only: Programs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(keys.VARIABLE, "the-given-key-01")

    for stack in (stack_of(), stack_of(secret=OWN), stack_of(access=OF_THE_TEAM)):
        assert keys.key_of(stack) == "the-given-key-01"
    assert only.calls == []


def test_a_key_that_cannot_be_decrypted_is_asked_for(stack_of: StackOf, programs: Programs):
    programs.add("pulumi", (["config", "get"], "incorrect passphrase", 255))

    with pytest.raises(OperationError, match=r"incorrect passphrase\nor put an API key .*SLIPWAY_API_KEY"):
        keys.key_of(stack_of(secret=OWN))


def test_a_key_of_another_secret_is_asked_for(stack_of: StackOf, only: Programs):
    assert keys.needs_key(stack_of(access=OF_THE_TEAM))
    with pytest.raises(OperationError, match=r"Secret keys-of-the-team: .*SLIPWAY_API_KEY"):
        keys.key_of(stack_of(access=OF_THE_TEAM))
    assert only.calls == []
