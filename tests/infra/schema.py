"""Validation of objects by the OpenAPI schema of the local cluster's Kubernetes version."""

import functools
from typing import Any

import kubernetes_validate
import kubernetes_validate.utils

from ops.local.binaries import KUBERNETES
from tests.infra.conftest import is_secret

VERSION = KUBERNETES.removeprefix("v").rpartition(".")[0]

# The library would read its file of all definitions again for each object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

BUILT_IN = ("", "apps", "autoscaling", "batch", "policy")
"""API groups of Kubernetes itself, beside those in k8s.io."""


def misfit(manifest: dict[str, Any]) -> str | None:
    """Return what does not fit the schema. Custom resources have no schema here and always fit."""
    group = manifest["apiVersion"].rpartition("/")[0]
    if group not in BUILT_IN and not group.endswith(".k8s.io"):
        return None
    try:
        validate(manifest)
    except kubernetes_validate.ValidationError as error:
        return f"{manifest['kind']}: {error.message}"
    return None


def validate(manifest: dict[str, Any]) -> None:
    """Check an object of a built-in kind.

    Raises:
        kubernetes_validate.ValidationError: a field is unknown, or its value is not allowed.

    """
    kubernetes_validate.validate(unwrapped(manifest), VERSION, strict=True)


def unwrapped(value: Any) -> Any:
    """Return a value as the cluster receives it, without Pulumi's mark of a secret."""
    if is_secret(value):
        return unwrapped(value["value"])
    if isinstance(value, dict):
        return {key: unwrapped(item) for key, item in value.items()}
    return [unwrapped(item) for item in value] if isinstance(value, list) else value
