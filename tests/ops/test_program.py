import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import program
from ops.errors import OperationError
from ops.helm import Release
from ops.program import run
from ops.stack import Stack
from tests.conftest import StackOf


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Stack]:
    """Return a function that makes a project of a single program."""
    monkeypatch.setattr(program, "PROJECT", tmp_path)

    def write(code: str) -> Stack:
        (tmp_path / "__main__.py").write_text(f"import pulumi\n{code}")
        return Stack(project="ship", name="dev", config={"ship:port": "80"}, secret_keys=frozenset())

    return write


def test_the_same_stack_gives_the_same_objects_in_the_same_order(stack_of: StackOf):
    first, second = run(stack_of()), run(stack_of())

    assert first == second


def test_two_stacks_in_one_process_do_not_mix(stack_of: StackOf):
    namespaces = [run(stack_of(name)).outputs["namespace"] for name in ("dev", "prod", "dev")]

    assert namespaces == ["slipway-dev", "slipway-prod", "slipway-dev"]


def test_objects_come_in_an_order_in_which_they_can_be_applied(stack_of: StackOf):
    kinds = [item["kind"] for item in run(stack_of()).objects()]

    assert kinds[:3] == ["Namespace", "ServiceAccount", "ConfigMap"]


def test_a_chart_is_a_release_and_comes_after_what_it_needs(project: Callable[[str], Stack]):
    code = """
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.helm.v3 import Release
space = Namespace("n", metadata={"name": "here"})
def release(name, *after):
    return Release(
        name,
        name=name,
        namespace=space.metadata["name"],
        chart="chart",
        version="1.2.3",
        repository_opts={"repo": "https://charts"},
        values={"replicas": 2},
        opts=pulumi.ResourceOptions(depends_on=after),
    )
first = release("zebra")
release("ant", first)
Service("s", metadata={"name": "s"}, opts=pulumi.ResourceOptions(depends_on=[first]))
pulumi.export("status", first.status)
"""
    declared = run(project(code))

    assert [item["kind"] for item in declared.objects()] == ["Namespace", "Service"]
    assert [item.name for item in declared.releases()] == ["zebra", "ant"]
    assert declared.releases()[0] == Release(
        name="zebra",
        namespace="here",
        chart="chart",
        version="1.2.3",
        repository="https://charts",
        timeout_seconds=None,
        values={"replicas": 2},
    )
    types = [
        item.type.rpartition(":")[2] for item in declared.resources if item.type.startswith("kubernetes:")
    ]
    assert types == ["Namespace", "Release", "Release", "Service"]


def test_whole_numbers_are_integers_and_other_numbers_are_floats(project: Callable[[str], Stack]):
    code = """
from pulumi_kubernetes.core.v1 import ConfigMap
pulumi.export("numbers", [1, 2.5, {"three": 3}])
"""
    numbers = run(project(code)).outputs["numbers"]

    assert numbers == [1, 2.5, {"three": 3}]
    assert isinstance(numbers[0], int)


def test_an_object_without_a_name_is_named_by_its_content(project: Callable[[str], Stack]):
    code = """
from pulumi_kubernetes.core.v1 import ConfigMap
for name in ("a", "b"):
    ConfigMap(name, metadata={"namespace": "x"}, data={"key": "value"})
ConfigMap("c", metadata={"namespace": "x"}, data={"key": "other"})
"""
    names = [item["metadata"]["name"] for item in run(project(code)).objects()]

    assert [name[:2] for name in names] == ["a-", "b-", "c-"]
    assert names[0][2:] == names[1][2:] != names[2][2:]
    assert run(project(code)).objects()[0]["metadata"]["name"] == names[0]


def test_a_run_error_of_the_program_is_reported_with_its_message(project: Callable[[str], Stack]):
    with pytest.raises(OperationError, match=r"^the port is 80$"):
        run(project("raise pulumi.RunError(f'the port is {pulumi.Config().require_int(\"port\")}')"))


def test_any_other_exception_of_the_program_is_raised(project: Callable[[str], Stack]):
    with pytest.raises(ZeroDivisionError):
        run(project("1 / 0"))


NAME = "pulumi.runtime.invoke_output('aws:index/getAmi:getAmi', {}).apply(lambda ami: ami['name'])"


def test_the_result_of_a_providers_function_stays_unknown(
    project: Callable[[str], Stack],
):
    code = f"""
class Bucket(pulumi.CustomResource):
    def __init__(self):
        super().__init__("aws:s3/bucket:Bucket", "it", {{"name": {NAME}}})
bucket = Bucket()
pulumi.export("name", {NAME})
pulumi.export("known", 1)
"""
    declared = run(project(code))

    assert declared.outputs == {"known": 1}
    assert [item.name for item in declared.resources] == ["it"]


def test_an_object_with_a_value_that_only_a_provider_knows_is_refused(project: Callable[[str], Stack]):
    code = f"""
from pulumi_kubernetes.core.v1 import ConfigMap
ConfigMap("a", metadata={{"namespace": "x"}}, data={{"key": {NAME}}})
"""
    with pytest.raises(OperationError, match=r"^ConfigMap a: data.key is known only to the cloud: use `pul"):
        run(project(code))


def test_a_failed_run_does_not_affect_the_next_run(project: Callable[[str], Stack]):
    with pytest.raises(ZeroDivisionError):
        run(project("pulumi.export('x', pulumi.Output.from_input(0).apply(lambda x: 1 / x))"))

    assert run(project("pulumi.export('x', pulumi.Output.from_input(1))")).outputs == {"x": 1}


def test_a_run_leaves_no_open_event_loop(stack_of: StackOf):
    before = threading.active_count()

    run(stack_of())

    assert threading.active_count() == before
