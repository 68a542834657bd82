"""Every custom resource against its own definition, where the Go module that holds it is at hand."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ops.commands import output_of
from ops.program import Run
from tests.infra.conftest import EXISTING, QUEUE_DEPTH

OPERATOR = "github.com/prometheus-operator/prometheus-operator@*/example/prometheus-operator-crd"
KINDS = {
    "PrometheusRule": f"{OPERATOR}/*_prometheusrules.yaml",
    "ServiceMonitor": f"{OPERATOR}/*_servicemonitors.yaml",
    "ScaledObject": "github.com/kedacore/keda/v2@*/config/crd/bases/*_scaledobjects.yaml",
}
"""Where in the module cache they are defined."""


def definition(kind: str) -> jsonschema.Draft7Validator:
    """The schema of a kind, strict: a field that it lacks is an error."""
    go = shutil.which("go")
    cache = Path(output_of([go, "env", "GOMODCACHE"]).strip()) if go else Path()
    found = sorted(cache.glob(KINDS[kind])) if go else []
    if not found:
        pytest.skip(f"the definition of {kind} is in no module of Go's cache: make monitoring")
    (version,) = yaml.safe_load(found[-1].read_text())["spec"]["versions"]
    # Not checked itself: its patterns are Go's.
    return jsonschema.Draft7Validator(strict(version["schema"]["openAPIV3Schema"]))


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" in schema:
        for each in schema["properties"].values():
            strict(each)
        if not schema.get("x-kubernetes-preserve-unknown-fields") and schema.get("type") == "object":
            # Of metadata the definition leaves the schema to Kubernetes.
            schema.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            strict(schema[key])
    return schema


@pytest.fixture
def custom(program: Callable[..., Run]) -> Callable[[str], dict[str, Any]]:
    """The custom resource of a kind, of a stack that has all."""

    def one(kind: str) -> dict[str, Any]:
        declared = program(**EXISTING, **QUEUE_DEPTH, autoscalingBackend="keda")
        (found,) = [each for each in declared.objects() if each["kind"] == kind]
        return found

    return one


@pytest.mark.parametrize("kind", KINDS)
def test_a_custom_resource_fits_its_definition(custom: Callable[[str], dict[str, Any]], kind: str):
    definition(kind).validate(custom(kind))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0)),
        ("ServiceMonitor", ("spec", "endpoints", 0)),
        ("ScaledObject", ("spec", "triggers", 0)),
    ],
)
def test_a_field_that_the_definition_lacks_is_seen(
    custom: Callable[[str], dict[str, Any]], kind: str, path: tuple[str | int, ...]
):
    one: Any = copy.deepcopy(custom(kind))
    place = one
    for key in path:
        place = place[key]
    place["unheardOf"] = 1

    with pytest.raises(jsonschema.ValidationError, match="unheardOf"):
        definition(kind).validate(one)
