import re
from collections.abc import Generator
from pathlib import Path

import pytest

from ops.local import from_modules, kind, paths
from ops.local.cluster import driver
from ops.local.from_modules import MANIFESTS
from ops.local.images import BUILD_IMAGE, RUNTIME_IMAGE
from ops.stack import Stack
from tests.ops.conftest import Programs


@pytest.fixture(autouse=True)
def undecided() -> Generator[None]:
    driver.cache_clear()
    yield
    driver.cache_clear()


def test_the_driver_is_kind_if_docker_runs_and_kind_is_installed(only: Programs):
    only.add("kind")
    only.add("docker")

    assert driver() is kind


def test_the_driver_is_from_modules_if_docker_does_not_run(only: Programs):
    only.add("kind")
    only.add("docker", (["info"], "", 1))

    assert driver() is from_modules


@pytest.mark.parametrize("there", [[], ["docker"], ["kind"]])
def test_the_driver_is_from_modules_if_docker_or_kind_is_missing(only: Programs, there: list[str]):
    for name in there:
        only.add(name)

    assert driver() is from_modules


@pytest.mark.parametrize("name", ["dev", "watched"])
def test_the_local_stacks_name_the_local_cluster(name: str):
    stack = Stack.read(name)

    assert Path(stack.get("kubeconfig")).expanduser() == paths.KUBECONFIG
    assert stack.get("kubeContext") == paths.CONTEXT
    assert stack.get("builder") == paths.BUILDER
    assert stack.get("registry").partition("/")[0] == paths.REGISTRY
    assert stack.get("buildImage") == BUILD_IMAGE
    assert stack.get("runtimeImage") == RUNTIME_IMAGE


def test_the_manifests_name_the_local_registry():
    images = [
        image
        for file in MANIFESTS.glob("*.yaml")
        for image in re.findall(r"127\.0\.0\.1:\d+(?=/)", file.read_text())
    ]

    assert len(images) > 5
    assert {*images} == {paths.REGISTRY}
