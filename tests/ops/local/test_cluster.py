from collections.abc import Generator

import pytest

from ops.local import from_modules, kind
from ops.local.cluster import road
from tests.ops.conftest import Programs


@pytest.fixture(autouse=True)
def undecided() -> Generator[None]:
    road.cache_clear()
    yield
    road.cache_clear()


def test_where_docker_runs_and_kind_is_there_it_is_kind(only: Programs):
    only.add("kind")
    only.add("docker")

    assert road() is kind


def test_where_docker_is_there_but_does_not_run_it_is_built_from_modules(only: Programs):
    only.add("kind")
    only.add("docker", (["info"], "", 1))

    assert road() is from_modules


@pytest.mark.parametrize("there", [[], ["docker"], ["kind"]])
def test_where_one_of_them_is_missing_it_is_built_from_modules(only: Programs, there: list[str]):
    for name in there:
        only.add(name)

    assert road() is from_modules
