"""What lets the nodes of a created cluster pull images from the registry of their own cloud."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.registries import Registry
from ops.program import Run
from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG
from tests.parsing import problems

AKS, GKE = CLOUD_CONFIG["aks"], CLOUD_CONFIG["gke"]
ACR = {**AKS, "registry": "models.azurecr.io/vision"}
GRANTED = {**ACR, "registryResourceGroup": "models"}
READER = "roles/artifactregistry.reader"
MEMBER = "serviceAccount:cluster-nodes@acme.iam.gserviceaccount.com"
PASSWORD: dict[str, Any] = {"registryUsername": "x", "secret": {"registryPassword": "hunter2"}}


@pytest.fixture
def grant(program: Callable[..., Run], clouds: Any) -> Callable[..., dict[str, Any] | None]:  # noqa: ARG001
    """Return a function that returns the inputs of the grant that a stack declares."""

    def declare(**config: Any) -> dict[str, Any] | None:
        declared = [resource for resource in program(**config).resources if resource.name == "cluster-pull"]
        return declared[0].inputs if declared else None

    return declare


def test_aks_is_allowed_to_pull_from_a_registry_of_azure(grant: Callable[..., dict[str, Any]]):
    scope = (
        "/subscriptions/ours/resourceGroups/models/providers/Microsoft.ContainerRegistry/registries/models"
    )
    role = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    assert grant(**GRANTED) == {
        "principalId": "kubelets-of-ours",
        "principalType": "ServicePrincipal",
        "roleDefinitionId": f"/subscriptions/ours/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "scope": scope,
    }


def test_gke_is_allowed_to_pull_from_one_repository(grant: Callable[..., dict[str, Any]]):
    assert grant(**GKE, registry="europe-docker.pkg.dev/other/models/vision") == {
        "project": "other",
        "location": "europe",
        "repository": "models",
        "role": READER,
        "member": MEMBER,
    }


def test_gke_is_allowed_to_pull_from_the_project_of_googles_former_registry(
    grant: Callable[..., dict[str, Any]],
):
    assert grant(**GKE, registry="eu.gcr.io/other") == {"project": "other", "role": READER, "member": MEMBER}


@pytest.mark.parametrize(
    "config",
    [
        {**GKE, "registry": "ghcr.io/acme"},
        {**GKE, "registry": "europe-docker.pkg.dev/other/models", "clusterName": "theirs"},
        {**GKE, "registry": "europe-docker.pkg.dev/other/models", "pullSecret": "true", **PASSWORD},
        {**ACR, "pullSecret": "true", **PASSWORD},
        {**ACR, "clusterName": "group/theirs"},
    ],
)
def test_nothing_is_granted_where_pods_pull_otherwise_or_the_cluster_is_not_ours(
    grant: Callable[..., dict[str, Any] | None], config: dict[str, Any]
):
    assert grant(**config) is None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (ACR, "the resource group of registry, or pullSecret true: otherwise no pod may pull"),
        (
            {**AKS, "registryResourceGroup": "models"},
            "'models': empty, unless registry is in azurecr.io, and cluster is aks without clusterName",
        ),
        (
            {**GRANTED, "clusterName": "group/theirs"},
            "'models': empty, unless registry is in azurecr.io, and cluster is aks without clusterName",
        ),
    ],
)
def test_a_registry_of_azure_is_named_with_its_resource_group(
    stack_of: StackOf, config: dict[str, str], said: str
):
    ((key, problem),) = problems(stack_of(**config))

    assert (key, problem.removeprefix("'': ")) == ("registryResourceGroup", said)


def test_the_name_of_a_registry_of_azure_is_read():
    assert Registry.parse("models.azurecr.io/vision").host_parts == {"registry": "models"}
    with pytest.raises(ValueError, match=r"REGISTRY\.azurecr\.io"):
        Registry.parse("models.azurecr.io/Vision")
