"""Every object against the OpenAPI schema of the Kubernetes that the local cluster runs."""

from typing import Any

import kubernetes_validate
import pytest

from ops.local.binaries import KUBERNETES
from tests.infra.conftest import Declare

VERSION = KUBERNETES.removeprefix("v").rpartition(".")[0]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"serviceType": "NodePort", "nodePort": "30080"},
        {"registryUsername": "someone", "pullSecret": "true", "secret": {"registryPassword": "hunter2"}},
    ],
    ids=["load balancer", "node port", "pull secret"],
)
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_object_fits_the_schema_with_no_field_that_it_lacks(
    declare: Declare, stack: str, config: dict[str, Any]
):
    objects = declare(stack, **config)
    if secret := objects.get("Secret"):
        # As it goes over the wire, marked as a secret.
        secret["stringData"] = secret["stringData"]["value"]

    assert len(objects) >= 8
    for one in objects.values():
        kubernetes_validate.validate(one, VERSION, strict=True)


def test_a_field_that_the_schema_lacks_is_seen(declare: Declare):
    deployment = declare()["Deployment"]
    deployment["spec"]["replica"] = 2

    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(deployment, VERSION, strict=True)
