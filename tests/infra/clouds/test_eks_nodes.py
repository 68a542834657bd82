"""The subnets, disks and volumes of EKS."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.monitoring_stack import NODE_STORAGE
from infra.settings.values import mebibytes
from ops.errors import OperationError
from ops.program import Run
from tests.infra.conftest import ANSWERS, CLOUD_CONFIG, GPU, INSTALL, require_sdks
from tests.infra.declarations import declarations

EKS = CLOUD_CONFIG["eks"]
FOUND = {**EKS, "clusterName": "theirs", **GPU}
GROUP = "aws:eks/nodeGroup:NodeGroup"
SUBNETS = "aws:ec2/getSubnets:getSubnets"
OFFERINGS = "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings"
Program = Callable[..., Run]


def inputs_of(declared: Run, kind: str) -> list[dict[str, Any]]:
    return [resource.inputs for resource in declared.resources if resource.type == kind]


@pytest.mark.parametrize(
    ("config", "types"),
    [
        (EKS, ["m6i.large"]),
        ({**EKS, **GPU}, ["m6i.large", "g6.xlarge"]),
        (FOUND, ["g6.xlarge"]),
        ({**FOUND, "gpuMachineType": "g5.xlarge"}, ["g5.xlarge"]),
    ],
)
def test_nodes_are_created_only_in_zones_that_offer_their_machine_type(
    program: Program, clouds: list[Any], config: dict[str, str], types: list[str]
):
    program(**config)

    asked = [call.args["filters"] for call in clouds if call.token == OFFERINGS]
    assert sorted(asked, key=str) == sorted(
        ([{"name": "instance-type", "values": [name]}] for name in types), key=str
    )
    narrowed = [call.args["filters"] for call in clouds if call.token == SUBNETS][-len(types) :]
    subnets = ["subnet-1", "subnet-2"] if config.get("clusterName") else ["subnet-a", "subnet-b"]
    for filters in narrowed:
        assert filters == [
            {"name": "subnet-id", "values": subnets},
            {"name": "availability-zone-id", "values": ["euw1-az1", "euw1-az2"]},
        ]


@pytest.mark.parametrize(
    ("token", "answer", "config", "said"),
    [
        (SUBNETS, {"ids": []}, EKS, "aws:region: 'eu-west-1': the account has no default VPC there"),
        (
            SUBNETS,
            {"ids": []},
            FOUND,
            "g6.xlarge is offered in no zone of the cluster's subnets in eu-west-1",
        ),
        (OFFERINGS, {"locations": []}, FOUND, "g6.xlarge is offered in no zone of the cluster's subnets"),
    ],
)
@pytest.mark.usefixtures("clouds")
def test_where_nodes_can_be_created_nowhere_the_message_says_why(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    answer: dict[str, Any],
    config: dict[str, str],
    said: str,
):
    require_sdks("pulumi_aws")
    monkeypatch.setitem(ANSWERS, token, answer)

    with pytest.raises(OperationError, match=said):
        program(**config)


@pytest.mark.usefixtures("clouds")
def test_a_zone_that_amazon_adds_replaces_no_node(stack_of: Callable[..., Any]):
    groups = [
        declaration for declaration in declarations(stack_of(**EKS, **GPU)) if declaration.type == GROUP
    ]

    assert [group.name for group in groups] == ["cluster-nodes", "gpu"]
    for group in groups:
        assert "subnetIds" in group.options["ignoreChanges"]


@pytest.mark.usefixtures("clouds")
def test_the_disk_of_a_node_has_room_for_the_samples_and_as_much_again(program: Program):
    (template,) = inputs_of(program(**EKS, **INSTALL), "aws:ec2/launchTemplate:LaunchTemplate")

    (disk,) = template["blockDeviceMappings"]
    assert disk["ebs"]["volumeSize"] * 1024 >= 2 * mebibytes(NODE_STORAGE)


@pytest.mark.usefixtures("clouds")
def test_a_volume_that_names_no_class_is_created(program: Program):
    declared = program(**EKS, **INSTALL, prometheusStorage="50Gi")

    (driver,) = [
        addon
        for addon in inputs_of(declared, "aws:eks/addon:Addon")
        if addon["addonName"] == "aws-ebs-csi-driver"
    ]
    (association,) = driver["podIdentityAssociations"]
    assert association["serviceAccount"] == "ebs-csi-controller-sa"
    policies = inputs_of(declared, "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    arn = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
    assert arn in {policy["policyArn"] for policy in policies}
    (storage,) = [manifest for manifest in declared.objects() if manifest["kind"] == "StorageClass"]
    assert storage["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert storage["provisioner"] == "ebs.csi.aws.com"
    # The volume of Prometheus names no class.
    (release,) = [release for release in declared.releases() if release.chart == "kube-prometheus-stack"]
    template = release.values["prometheus"]["prometheusSpec"]["storageSpec"]["volumeClaimTemplate"]
    assert "storageClassName" not in template["spec"]


@pytest.mark.usefixtures("clouds")
@pytest.mark.parametrize("config", [FOUND, CLOUD_CONFIG["gke"], CLOUD_CONFIG["aks"]])
def test_a_cluster_that_has_a_class_of_its_own_keeps_it(program: Program, config: dict[str, str]):
    assert "StorageClass" not in {manifest["kind"] for manifest in program(**config).objects()}
