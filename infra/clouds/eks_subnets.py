"""The subnets that the nodes of an EKS cluster are created in."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

ZONES_WITHOUT_CONTROL_PLANE = ("use1-az3", "usw1-az2", "cac1-az3")
"""Availability zones: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html."""


def default_subnets(region: str) -> pulumi.Output[list[str]]:
    """Return the subnets of the account's default VPC in which EKS can have a control plane.

    Raises:
        pulumi.RunError: There are none.

    """
    zones = aws.get_availability_zones_output(
        state="available",
        exclude_zone_ids=ZONES_WITHOUT_CONTROL_PLANE,
        # Zones without an opt-in; this leaves out local zones.
        filters=[aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])],
        region=region,
    )
    subnets = aws.ec2.get_subnets_output(
        filters=zones.zone_ids.apply(
            lambda ids: [
                aws.ec2.GetSubnetsFilterArgs(name="default-for-az", values=["true"]),
                aws.ec2.GetSubnetsFilterArgs(name="availability-zone-id", values=ids),
            ]
        ),
        region=region,
    )
    return subnets.ids.apply(
        lambda ids: _some(
            ids,
            f"aws:region: {region!r}: the account has no default VPC there, in which a cluster could be "
            "created: run `aws ec2 create-default-vpc`, or set clusterName to a cluster that exists",
        )
    )


def subnets_that_offer(
    instance_type: str, subnets: pulumi.Input[list[str]], region: str
) -> pulumi.Output[list[str]]:
    """Return those of some subnets whose zone offers an instance type.

    EKS refuses a node group with a subnet in another zone.

    Args:
        instance_type: For example `g6.xlarge`.
        subnets: Identifiers of subnets.
        region: The region of the subnets.

    Raises:
        pulumi.RunError: No zone of the subnets offers it.

    """
    message = (
        f"{instance_type} is offered in no zone of the cluster's subnets in {region}: set another type or "
        "region; `aws ec2 describe-instance-type-offerings --location-type availability-zone` lists them"
    )
    offerings = aws.ec2.get_instance_type_offerings_output(
        location_type="availability-zone-id",
        filters=[aws.ec2.GetInstanceTypeOfferingsFilterArgs(name="instance-type", values=[instance_type])],
        region=region,
    )
    found = aws.ec2.get_subnets_output(
        filters=pulumi.Output.all(subnets, offerings.locations).apply(
            lambda known: [
                aws.ec2.GetSubnetsFilterArgs(name="subnet-id", values=known[0]),
                aws.ec2.GetSubnetsFilterArgs(name="availability-zone-id", values=_some(known[1], message)),
            ]
        ),
        region=region,
    )
    return found.ids.apply(lambda ids: _some(ids, message))


def _some(values: Sequence[str], message: str) -> list[str]:
    """Return the values as a list, or raise the message if there are none."""
    if not values:
        raise pulumi.RunError(message)
    return list(values)
