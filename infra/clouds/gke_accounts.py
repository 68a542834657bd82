"""Service accounts of the nodes of GKE, with no more rights than a node needs."""

import pulumi
import pulumi_gcp as gcp

NODE_ROLE = "roles/container.defaultNodeServiceAccount"
"""Logs, metrics and the like:
https://cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster#use_least_privilege_sa."""

PULL_ROLE = "roles/artifactregistry.reader"


def node_account(
    name: str, project: str, opts: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], pulumi.Resource]:
    """Declare the account that nodes run as.

    Without it they run as the project's default account, which has no rights in some organisations, so that
    nodes do not become ready, and the role Editor in others.

    Args:
        name: Resource name of the account. The engine derives its identifier from it.
        project: Identifier of the project.
        opts: Options of every resource.

    Returns:
        The account's e-mail address, and the grant of its role, which must exist before the nodes.

    """
    account = gcp.serviceaccount.Account(name, display_name=f"Nodes of {pulumi.get_stack()}", opts=opts)
    grant = gcp.projects.IAMMember(
        name, project=project, role=NODE_ROLE, member=account.email.apply(_member), opts=opts
    )
    return account.email, grant


def allow_project(
    name: str, account: pulumi.Input[str | None], project: str, opts: pulumi.ResourceOptions
) -> None:
    """Allow an account to pull from all repositories of a project.

    Those of gcr.io are created by the first push, so they cannot be named before.
    """
    gcp.projects.IAMMember(
        name,
        project=project,
        role=PULL_ROLE,
        member=pulumi.Output.from_input(account).apply(_member),
        opts=opts,
    )


def allow_repository(
    name: str,
    account: pulumi.Input[str | None],
    project: str,
    location: str,
    repository: str,
    opts: pulumi.ResourceOptions,
) -> None:
    """Allow an account to pull from one repository of Artifact Registry.

    Args:
        name: Resource name of the grant.
        account: The account's e-mail address.
        project: Project of the repository, which may be another than the cluster's.
        location: Location of the repository, such as `europe`.
        repository: Name of the repository.
        opts: Options of the grant.

    """
    gcp.artifactregistry.RepositoryIamMember(
        name,
        project=project,
        location=location,
        repository=repository,
        role=PULL_ROLE,
        member=pulumi.Output.from_input(account).apply(_member),
        opts=opts,
    )


def _member(account: str | None) -> str:
    return f"serviceAccount:{account}"
