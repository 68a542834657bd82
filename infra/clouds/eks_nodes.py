"""Node groups of EKS, with hardened machines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from infra.clouds import Taint
from infra.clouds.eks_roles import NODE_POLICIES, service_role

ROOT_DEVICE = "/dev/xvda"
"""The disk of Amazon Linux 2023: https://docs.aws.amazon.com/linux/al2023/ug/ec2.html."""

TAINT_EFFECTS = {"NoSchedule": "NO_SCHEDULE"}


@dataclass(frozen=True, kw_only=True)
class NodeGroupArgs:
    """Nodes of one kind."""

    cluster: pulumi.Input[str]
    """Name of the cluster."""

    subnets: pulumi.Input[list[str]]
    instance_type: str
    disk_gib: int
    min_size: int
    max_size: int
    desired_size: int
    tags: Mapping[str, str]
    image: str | None = None
    """Type of the machine image. None means the cloud's choice for the instance type."""

    is_spot: bool = False
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    taints: Sequence[Taint] = ()


def node_group(name: str, args: NodeGroupArgs, opts: pulumi.ResourceOptions) -> aws.eks.NodeGroup:
    """Declare nodes with a role of their own, encrypted disks, and metadata that pods do not reach."""
    role, attachments = service_role(name, "ec2", NODE_POLICIES, opts)
    template = _template(name, args, opts)
    return aws.eks.NodeGroup(
        name,
        cluster_name=args.cluster,
        node_role_arn=role.arn,
        subnet_ids=args.subnets,
        ami_type=args.image,
        instance_types=[args.instance_type],
        launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
            id=template.id, version=template.latest_version.apply(str)
        ),
        capacity_type="SPOT" if args.is_spot else "ON_DEMAND",
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(
            min_size=args.min_size, desired_size=args.desired_size, max_size=args.max_size
        ),
        labels=dict(args.labels),
        taints=[
            aws.eks.NodeGroupTaintArgs(key=taint.key, value=taint.value, effect=TAINT_EFFECTS[taint.effect])
            for taint in args.taints
        ],
        tags=dict(args.tags),
        opts=pulumi.ResourceOptions.merge(
            opts,
            # The autoscaler sets the number of nodes. Another set of subnets would replace every node, and it
            # changes when Amazon adds a zone.
            pulumi.ResourceOptions(
                depends_on=attachments, ignore_changes=["scalingConfig.desiredSize", "subnetIds"]
            ),
        ),
    )


def _template(name: str, args: NodeGroupArgs, opts: pulumi.ResourceOptions) -> aws.ec2.LaunchTemplate:
    return aws.ec2.LaunchTemplate(
        name,
        block_device_mappings=[
            aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name=ROOT_DEVICE,
                ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_size=args.disk_gib,
                    volume_type="gp3",
                    encrypted="true",
                    delete_on_termination="true",
                ),
            )
        ],
        # A session token is required, and it does not reach a pod, which would get the role of its node:
        # https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=dict(args.tags))
            for kind in ("instance", "volume")
            if args.tags
        ],
        opts=opts,
    )
