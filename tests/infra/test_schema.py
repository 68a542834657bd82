"""Every object fits the OpenAPI schema of the local cluster's Kubernetes version."""

from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest

from ops.program import Run
from tests.infra.conftest import EXISTING, INSTALL, Declare
from tests.infra.schema import validate

CUSTOM = ("PrometheusRule", "ServiceMonitor")
"""Kinds that have definitions of their own."""


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"exposure": '{"type": "NodePort", "nodePort": 30080}'},
        {"registryUsername": "someone", "pullSecret": "true", "secret": {"registryPassword": "hunter2"}},
        EXISTING,
        INSTALL,
    ],
    ids=["load balancer", "node port", "pull secret", "watched", "monitoring"],
)
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_object_is_valid_and_has_no_unknown_field(
    program: Callable[..., Run], stack: str, config: dict[str, Any]
):
    objects = [manifest for manifest in program(stack, **config).objects() if manifest["kind"] not in CUSTOM]

    assert len(objects) >= 8
    for manifest in objects:
        validate(manifest)


def test_a_field_that_the_schema_lacks_is_an_error(declare: Declare):
    deployment = declare()["Deployment"]
    deployment["spec"]["replica"] = 2

    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        validate(deployment)
