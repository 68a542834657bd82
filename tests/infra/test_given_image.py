"""An image that exists already: nothing is built, and pods have it by its digest."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.program import IMAGE, Run
from tests.conftest import StackOf
from tests.infra.conftest import by_kind
from tests.infra.schema import unwrapped
from tests.parsing import problems

DIGEST = "sha256:" + "0123456789abcdef" * 4
GIVEN = f"mirror.example.com:5000/models/cats:1.0@{DIGEST}"


@pytest.mark.parametrize("registry", ["", "mirror.example.com:5000/other"])
def test_pods_run_the_image_that_is_given_and_nothing_is_built(program: Callable[..., Run], registry: str):
    declared = program(image=GIVEN, registry=registry)

    assert IMAGE not in {resource.type for resource in declared.resources}
    (container,) = by_kind(declared)["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == GIVEN
    assert declared.outputs["image"] == GIVEN


def test_the_pull_secret_is_for_the_registry_of_the_image(program: Callable[..., Run]):
    config: dict[str, Any] = {"registryUsername": "robot", "pullSecret": "true", "registry": ""}

    declared = program(image=GIVEN, secret={"registryPassword": "hunter2"}, **config)

    assert (
        '"mirror.example.com:5000"'
        in unwrapped(by_kind(declared)["Secret"]["stringData"])[".dockerconfigjson"]
    )


@pytest.mark.parametrize(
    ("config", "key", "said"),
    [
        (
            {"image": "docker.io/acme/cats:1.0"},
            "image",
            "'docker.io/acme/cats:1.0': HOST/PATH/NAME[:TAG]@sha256",
        ),
        ({"image": f"cats@{DIGEST}"}, "image", f"'cats@{DIGEST}': HOST/PATH/NAME"),
        ({"image": GIVEN}, "registry", "'docker.io/acme': empty, or the registry of image"),
        ({"image": "", "registry": ""}, "registry", "'': HOST[:PORT][/PATH], in small letters"),
    ],
)
def test_an_image_that_may_be_another_tomorrow_is_refused(
    stack_of: StackOf, config: dict[str, str], key: str, said: str
):
    ((found, problem),) = problems(stack_of(**config))

    assert found == key
    assert problem.startswith(said)
