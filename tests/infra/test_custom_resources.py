"""Every custom resource fits its own definition, if the Go module with the definition is available."""

import copy
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from ops.program import Run
from tests.infra.conftest import EXISTING, QUEUE_DEPTH
from tests.infra.definitions import KINDS, definition
from tests.infra.receivers import EXAMPLES, alerts

EVERYBODY = alerts(page=EXAMPLES, ticket=EXAMPLES)


@pytest.fixture
def custom(program: Callable[..., Run]) -> Callable[[str], dict[str, Any]]:
    """Return a function that returns the custom resource of a kind, from a stack that has all kinds."""

    def one(kind: str) -> dict[str, Any]:
        declared = program(**EXISTING, **QUEUE_DEPTH, autoscalingBackend="keda", alerts=EVERYBODY)
        (found,) = [manifest for manifest in declared.objects() if manifest["kind"] == kind]
        return found

    return one


# The objects of an address are held against their definitions in tests/infra/exposure.
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"Certificate", "HTTPRoute"}))
def test_a_custom_resource_fits_its_definition(custom: Callable[[str], dict[str, Any]], kind: str):
    definition(kind).validate(custom(kind))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AlertmanagerConfig", ("spec", "receivers", 1, "slackConfigs", 0)),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0)),
        ("ServiceMonitor", ("spec", "endpoints", 0)),
        ("ScaledObject", ("spec", "triggers", 0)),
    ],
)
def test_a_field_that_the_definition_lacks_is_an_error(
    custom: Callable[[str], dict[str, Any]], kind: str, path: tuple[str | int, ...]
):
    changed: Any = copy.deepcopy(custom(kind))
    place = changed
    for key in path:
        place = place[key]
    place["unheardOf"] = 1

    with pytest.raises(jsonschema.ValidationError, match="unheardOf"):
        definition(kind).validate(changed)
