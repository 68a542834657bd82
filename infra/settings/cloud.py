"""Settings of a cluster that is created in a cloud: its network, who reaches it, and how it is protected."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from infra.clouds import CLOUDS, Form
from infra.settings.cluster import is_created
from infra.settings.values import CONFIG, OptionalText, ScalarText, either, invalid


def _network(value: str) -> str:
    try:
        TypeAdapter(IPvAnyNetwork).validate_python(value)
    except ValidationError:
        raise invalid("a network in CIDR notation, such as 203.0.113.0/24") from None
    return value


def _listed(value: object) -> object:
    """Accept a single text for a list with one element."""
    return [value] if isinstance(value, str) else value


Network = Annotated[str, AfterValidator(_network)]
"""A network in CIDR notation."""

Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_listed)]
UpgradeChannel = Literal["rapid", "regular", "stable"]


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class NewCluster:
    """What a cluster has that is created here. What a cloud does not know is refused for it."""

    network: OptionalText = None
    """GKE: network of the cluster. Empty, it is `default`. In EKS and AKS the subnets have one."""

    subnets: Texts = ()
    """Subnets of the nodes. GKE: the name of one. EKS: identifiers of two or more, in different zones. AKS:
    the identifier of one. Empty, the cloud's default network is used, and AKS creates one."""

    private_nodes: bool = False
    """GKE: whether nodes have no public addresses. Their network then needs Cloud NAT to pull images. In EKS
    choose private subnets. In AKS nodes never have any."""

    private_endpoint: bool = False
    """Whether the Kubernetes API is reached from the cluster's network alone, for example by VPN. The machine
    that deploys must be there too."""

    api_ranges: Annotated[tuple[Network, ...], BeforeValidator(_listed)] = ()
    """Networks in CIDR notation that reach the Kubernetes API at its public address. Empty, every network
    does. Credentials are needed in any case."""

    admins: Texts = ()
    """Who administers the cluster beside the one who creates it. GKE: members of IAM, such as
    group:platform@example.com. EKS: ARNs of IAM roles or users. AKS: object identifiers of groups of Entra
    ID, one of them with the one who creates it; local accounts are then disabled."""

    version: OptionalText = None
    """Version of Kubernetes, such as 1.34. Empty, it is the cloud's default."""

    upgrade_channel: UpgradeChannel = "regular"
    """How soon GKE and AKS upgrade the cluster by themselves. EKS has no channels."""

    control_plane_logs: bool = True
    """Whether the logs of the control plane are kept, by the cloud's own service, which asks a price for each
    gigabyte."""

    deletion_protection: bool = True
    """Whether the cluster cannot be deleted. Before `pulumi destroy`, set it to false and run `pulumi up`."""

    encryption_key: OptionalText = None
    """A key of your own, beside the cloud's encryption. GKE: name of a Cloud KMS key, for Secrets and the
    disks of nodes. EKS: ARN of a KMS key, for Secrets; it cannot be removed later. AKS: identifier of a disk
    encryption set, for the disks of nodes."""

    host_encryption: bool = False
    """AKS: whether the machines below the nodes encrypt their temporary disks and caches. The subscription
    must have the feature EncryptionAtHost."""

    uptime_sla: bool = False
    """AKS: whether the control plane has a guaranteed uptime (tier Standard), which costs money."""

    tags: Mapping[str, ScalarText] = field(default_factory=dict[str, str])
    """Tags of the cluster and its nodes, in GKE labels, beside one with the stack's name."""


def fits_the_cloud(new: NewCluster, info: ValidationInfo) -> NewCluster:
    """Refuse what the cloud of a stack does not know. It is a validator of the field in `Settings`."""
    if new == NewCluster() or not {"cluster", "cluster_name"} <= info.data.keys():
        return new
    if not is_created(info):
        raise invalid(f"empty, unless cluster is {either(CLOUDS)}, without clusterName")
    cluster = info.data["cluster"]
    creation = CLOUDS[cluster].creation
    for name in sorted(creation.lacks):
        if getattr(new, name) != getattr(NewCluster(), name):
            raise invalid(f"not set, for cluster is {cluster}", to_camel(name))
    fewest, most = creation.fewest_subnets, creation.most_subnets
    if new.subnets and not fewest <= len(new.subnets) <= (most or len(new.subnets)):
        raise invalid(f"{'one' if most == 1 else f'at least {fewest}'}, for cluster is {cluster}", "subnets")
    if new.network and not new.subnets:
        raise invalid("empty, unless subnets names the subnet", "network")
    if new.api_ranges and new.private_endpoint and not creation.ranges_of_private_endpoint:
        raise invalid("empty, for privateEndpoint is true", "apiRanges")
    for path, value, form in _formed(new, cluster):
        if not re.fullmatch(form.pattern, value):
            raise invalid(form.words, *path)
    return new


def _formed(new: NewCluster, cluster: str) -> Iterator[tuple[tuple[str | int, ...], str, Form]]:
    """Yield the values whose form depends on the cloud, each with its path and its form."""
    creation = CLOUDS[cluster].creation
    for index, admin in enumerate(new.admins):
        yield ("admins", index), admin, creation.admin
    if new.encryption_key:
        yield ("encryptionKey",), new.encryption_key, creation.encryption_key
    for key, value in new.tags.items():
        yield ("tags", key), f"{key}={value}", creation.tag
