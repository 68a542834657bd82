import pytest
import yaml

from ops.program import run
from ops.render import to_yaml
from tests.conftest import StackOf


def test_the_yaml_holds_every_object(stack_of: StackOf):
    declared = run(stack_of())

    assert list(yaml.safe_load_all(to_yaml(declared))) == declared.objects()


def test_an_object_says_first_what_it_is(stack_of: StackOf):
    for document in to_yaml(run(stack_of())).split("---\n"):
        keys = [line.partition(":")[0] for line in document.splitlines() if not line.startswith((" ", "-"))]
        assert keys[:3] == ["apiVersion", "kind", "metadata"]


def test_the_same_stack_renders_to_the_same_bytes(stack_of: StackOf):
    assert to_yaml(run(stack_of())) == to_yaml(run(stack_of()))


@pytest.mark.parametrize("password", ["hunter2", "[secret]"])
def test_a_secret_is_left_out_and_said_to_be(stack_of: StackOf, password: str):
    stack = stack_of(registryUsername="someone", pullSecret="true", secret={"registryPassword": password})

    text = to_yaml(run(stack))

    assert "# Secret slipway-prod/model-pull-" in text
    assert "kind: Secret" not in text
    assert password not in text
    # As a Docker configuration would hold it.
    assert "auths" not in text
    assert len([one for one in yaml.safe_load_all(text) if one]) == 8
