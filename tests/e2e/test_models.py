"""Two models in one stack, through `make up` into pods; one of them is removed and the other goes on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ops.local.kubectl import Kubectl
from ops.stack import PROJECT
from tests.e2e.conftest import MODEL, Make

STACK = "e2e-models"
STACK_FILE = PROJECT / f"Pulumi.{STACK}.yaml"
NAMESPACE = f"slipway-{STACK}"
KINDS = (
    "deployments,services,configmaps,horizontalpodautoscalers,poddisruptionbudgets,networkpolicies,"
    "serviceaccounts"
)
OTHER = "digits"
ITEMS = [
    {"model": MODEL, "exposure": {"nodePort": 30086}},
    {"model": OTHER, "exposure": {"nodePort": 30087}, "cpuLimit": 1},
]


def write(models: list[dict[str, Any]]) -> None:
    """Write the file of the stack: the settings of the dev stack, with these models and a pod of each."""
    config: dict[str, Any] = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    given = {"minReplicas": "1", "models": models}
    config |= {f"slipway:{key}": value for key, value in given.items()}
    STACK_FILE.write_text(yaml.safe_dump({"config": config}))


def found(kubectl: Kubectl, kinds: str, model: str) -> dict[str, str]:
    """Return the objects of a model on the cluster: their identifiers by kind and name."""
    objects = kubectl.get(kinds, f"--namespace={NAMESPACE}", f"--selector=app.kubernetes.io/name={model}")
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["uid"] for item in objects["items"]
    }


@pytest.fixture
def printed(kubectl: Kubectl, make: Make) -> Iterator[str]:  # noqa: ARG001 - the cluster must run
    """Deploy both models; return what `make up` printed."""
    write(ITEMS)
    try:
        yield make("up", STACK=STACK)
        make("down", STACK=STACK)
    finally:
        STACK_FILE.unlink()


def test_two_models_answer_and_one_that_is_removed_takes_nothing_of_the_other(
    kubectl: Kubectl, make: Make, printed: str
):
    lines = dict(line.split(": ", 1) for line in printed.splitlines() if line.startswith((MODEL, OTHER)))
    assert json.loads(lines[MODEL])["label"] == "tiger cat"
    assert json.loads(lines[OTHER])
    assert make("smoke", STACK=STACK).splitlines() == [f"{name}: {lines[name]}" for name in (MODEL, OTHER)]
    before = found(kubectl, f"pods,{KINDS}", MODEL)
    assert len(found(kubectl, KINDS, OTHER)) == len(found(kubectl, KINDS, MODEL)) == 7

    write(ITEMS[:1])
    make("up", STACK=STACK)

    assert found(kubectl, KINDS, OTHER) == {}
    assert found(kubectl, f"pods,{KINDS}", MODEL) == before
