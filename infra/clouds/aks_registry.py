"""The right of a created AKS cluster to pull from Azure's registry (ACR)."""

import pulumi
from pulumi_azure_native import authorization, containerregistry

PULL_ROLE = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
"""AcrPull: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers#acrpull."""


def allow_pulls(
    name: str, principal: pulumi.Input[str], resource_group: str, registry: str, opts: pulumi.ResourceOptions
) -> None:
    """Allow an identity to pull from a registry.

    Args:
        name: Resource name of the grant.
        principal: Object identifier of the identity: that of the cluster's kubelets.
        resource_group: Resource group of the registry, which may be another than the cluster's.
        registry: Name of the registry, before `.azurecr.io`.
        opts: Options of the grant.

    """
    scope = containerregistry.get_registry_output(
        registry_name=registry, resource_group_name=resource_group
    ).id
    authorization.RoleAssignment(
        name,
        principal_id=principal,
        principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
        role_definition_id=scope.apply(_role),
        scope=scope,
        opts=opts,
    )


def _role(registry: str) -> str:
    """Return the role's full identifier in the subscription of a registry."""
    subscription = registry.split("/")[2]
    return f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{PULL_ROLE}"
