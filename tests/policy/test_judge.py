"""The command that judges YAML, on what `ops render` prints and on what kubectl prints."""

import io
import json
import sys

import pytest

from ops.program import run
from ops.render import to_yaml
from policy import judge
from policy.rules import is_production
from tests.conftest import StackOf
from tests.policy.objects import DIGEST

CLOSED = {"image": DIGEST, "serviceType": "ClusterIP", "registry": ""}


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command on some text; return its exit status and what it printed."""

    def judged(text: str, *arguments: str) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        monkeypatch.setattr(sys, "argv", ["policy.judge", *arguments])
        status = judge.main()
        return status, capsys.readouterr().out.splitlines()

    return judged


def test_a_production_stack_with_a_digest_and_a_closed_door_keeps_every_rule(judged, stack_of: StackOf):
    status, (line,) = judged(to_yaml(run(stack_of(**CLOSED))))

    assert status == 0
    assert line.endswith("objects keep all 8 rules")


def test_the_production_stack_as_it_is_has_a_tag_and_an_open_door(judged, stack_of: StackOf):
    status, lines = judged(to_yaml(run(stack_of())))

    assert status == 1
    assert [line.split(": ")[:2] for line in lines] == [
        ["image-by-digest", "Deployment tiny"],
        ["no-open-door", "Service model"],
    ]


def test_keys_of_the_stack_are_seen_and_cross_its_door_in_plain_text(judged, stack_of: StackOf):
    config = {"access": json.dumps({"apiKeysSecret": "keys"}), "image": DIGEST, "registry": ""}

    status, (line,) = judged(to_yaml(run(stack_of(**config))))

    assert status == 1
    assert line.startswith("no-open-door: Service model: API keys cross it in plain text: give it TLS")


@pytest.mark.parametrize("name", ["dev", "watched"])
def test_a_local_stack_gets_advice_alone(judged, stack_of: StackOf, name: str):
    status, lines = judged(to_yaml(run(stack_of(name))), "--stack", name)

    assert status == 0
    assert [line.split(": ")[0] for line in lines] == [
        "image-by-digest",
        f"advice only, because {name} is not in production",
    ]


def test_the_list_that_kubectl_prints_is_judged(judged):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{}]}}

    status, lines = judged(json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod]}))

    assert status == 1
    assert all("Pod a: container (no name)" in line for line in lines)
    assert len(lines) == 4


@pytest.mark.parametrize("text", ["", "# a comment\n", "[]", "a: 1\n"])
def test_input_without_an_object_is_an_error(judged, text: str):
    assert judged(text) == (1, [])


def test_a_stack_is_in_production_by_its_name():
    assert all(map(is_production, ["prod", "production", "acme-prod", "prod-eu"]))
    assert not any(map(is_production, ["dev", "watched", "product", "", "nonprod"]))
