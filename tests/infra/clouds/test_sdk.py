"""What a run of the program imports, in an interpreter of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest

from infra.clouds.sdk import sdk
from ops.errors import OperationError
from ops.program import Run
from ops.stack import PROJECT, Stack
from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, SDKS, needs_clouds

pytestmark = needs_clouds

COLD = """
import json, sys, time
begin = time.perf_counter()
from ops.program import run
from ops.stack import Stack
config, secret = json.loads(sys.argv[1])
run(Stack(project="slipway", name="prod", config=config, secret_keys=frozenset(secret)))
seconds = time.perf_counter() - begin
print(json.dumps({"seconds": seconds, "modules": [name for name in sys.modules if "." not in name]}))
"""


def cold(stack: Stack) -> dict:
    """Run the program where nothing is imported yet; return the seconds it took, and what it imported."""
    command = [sys.executable, "-c", COLD, json.dumps([stack.config, list(stack.secret_keys)])]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_no_clouds_sdk_is_imported_unless_it_is_chosen(stack_of: StackOf):
    for config in ({}, {"monitoring": "existing"}, {"device": "gpu"}, {"clusterStack": "acme/clusters/prod"}):
        assert not {*SDKS.values()} & {*cold(stack_of(**config))["modules"]}, config


@pytest.mark.parametrize("cloud", SDKS)
def test_of_the_clouds_sdks_the_chosen_ones_alone_is_imported(stack_of: StackOf, cloud: str):
    imported = cold(stack_of(**CLOUD_CONFIG[cloud], device="gpu"))["modules"]

    assert {*SDKS.values()} & {*imported} == {SDKS[cloud]}


@pytest.mark.parametrize("cloud", [None, *SDKS])
def test_the_whole_program_is_built_within_three_seconds_from_cold(stack_of: StackOf, cloud: str | None):
    stack = stack_of(**(CLOUD_CONFIG[cloud] | {"device": "gpu"} if cloud else {}))

    # Once is enough: what else the machine does is not the program's.
    assert any(cold(stack)["seconds"] < 3 for _ in range(3))


@pytest.mark.parametrize("cloud", SDKS)
def test_a_missing_sdk_is_told_with_the_command_that_installs_it(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, cloud: str
):
    for name in [name for name in sys.modules if name.startswith(f"infra.clouds.{cloud}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, SDKS[cloud], None)
    package = SDKS[cloud].replace("_", "-")

    with pytest.raises(OperationError) as raised:
        program(**CLOUD_CONFIG[cloud])

    assert f"`pip install {package}=={version(package)}`, or `make clouds`" in str(raised.value)


def test_what_an_sdk_itself_lacks_is_another_fault():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), sdk("gke"):
        import no_such_module  # type: ignore[import-not-found] # noqa: F401


def test_the_sdk_of_aws_is_imported_for_a_registry_of_amazons_that_no_user_is_named_for(stack_of: StackOf):
    registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    named = stack_of(registry=registry, registryUsername="AWS", secret={"registryPassword": "token"})

    assert "pulumi_aws" in cold(stack_of(registry=registry))["modules"]
    assert "pulumi_aws" not in cold(named)["modules"]
