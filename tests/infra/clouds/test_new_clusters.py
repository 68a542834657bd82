"""What a created cluster has by default, and what can be chosen for it."""

import json
from typing import Any

import pytest

from policy.rules.deletion import deletion_protection
from policy.rules.resource import Resource
from tests.conftest import StackOf
from tests.infra.clouds.created import (
    AKS,
    CLUSTERS,
    EKS,
    GKE,
    KMS,
    PLATFORM,
    RANGE,
    Program,
    created,
    of_type,
)
from tests.infra.conftest import CLOUD_CONFIG, GPU, one_of
from tests.infra.declarations import declarations
from tests.parsing import problems


@pytest.mark.usefixtures("clouds")
def test_a_cluster_is_protected_from_deletion_unless_it_is_told_otherwise(
    program: Program, stack_of: StackOf
):
    for chosen in (True, False):
        assert created(program, "gke", deletionProtection=chosen)["deletionProtection"] is chosen
        assert created(program, "eks", deletionProtection=chosen)["deletionProtection"] is chosen
        stack = stack_of(**AKS, cloud=json.dumps({"deletionProtection": chosen}))
        protected = {item.type for item in declarations(stack) if item.options.get("protect")}
        assert (CLUSTERS["aks"] in protected) is chosen
    assert created(program, "gke")["deletionProtection"]
    assert created(program, "eks")["deletionProtection"]


@pytest.mark.usefixtures("clouds")
@pytest.mark.parametrize("cloud", CLUSTERS)
@pytest.mark.parametrize("is_protected", [True, False])
def test_a_cluster_keeps_the_rule_for_deletion_unless_its_stack_says_otherwise(
    stack_of: StackOf, cloud: str, is_protected: bool
):
    chosen = {} if is_protected else {"cloud": '{"deletionProtection": false}'}
    (cluster,) = [
        Resource(
            type=item.type,
            name=item.name,
            properties=item.inputs,
            is_protected=item.options.get("protect", False),
        )
        for item in declarations(stack_of(**CLOUD_CONFIG[cloud], **chosen))
        if item.type == CLUSTERS[cloud]
    ]

    assert bool([*deletion_protection(cluster)]) is not is_protected


@pytest.mark.usefixtures("clouds")
def test_the_logs_of_the_control_plane_are_kept(program: Program):
    assert created(program, "gke")["loggingConfig"]["enableComponents"] == [
        "SYSTEM_COMPONENTS",
        "WORKLOADS",
        "APISERVER",
        "SCHEDULER",
        "CONTROLLER_MANAGER",
    ]
    assert created(program, "gke", controlPlaneLogs=False)["loggingConfig"]["enableComponents"] == [
        "SYSTEM_COMPONENTS",
        "WORKLOADS",
    ]
    eks = program(**EKS)
    assert "audit" in one_of(eks, CLUSTERS["eks"])["enabledClusterLogTypes"]
    (group,) = of_type(eks, "LogGroup")
    # The name that EKS writes to: without this group it would make one that keeps logs for ever.
    assert group == {"name": "/aws/eks/slipway-prod/cluster", "retentionInDays": 365}
    without = program(**EKS, cloud='{"controlPlaneLogs": false}')
    assert not of_type(without, "LogGroup")
    assert "enabledClusterLogTypes" not in one_of(without, CLUSTERS["eks"])
    (diagnostics,) = of_type(program(**AKS), "DiagnosticSetting")
    assert {"category": "kube-audit-admin", "enabled": True} in diagnostics["logs"]
    assert not of_type(program(**AKS, cloud='{"controlPlaneLogs": false}'), "DiagnosticSetting")


@pytest.mark.usefixtures("clouds")
def test_nodes_of_gke_start_what_is_signed_and_give_pods_no_account_of_the_node(program: Program):
    declared = program(**GKE, **GPU)
    pools = {item.name: item.inputs for item in declared.resources if item.type.endswith(":NodePool")}

    assert pools["cluster-nodes"]["nodeConfig"]["shieldedInstanceConfig"] == {
        "enableSecureBoot": True,
        "enableIntegrityMonitoring": True,
    }
    for pool in pools.values():
        assert pool["nodeConfig"]["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
        assert pool["management"] == {"autoRepair": True, "autoUpgrade": True}
    # The first node, which GKE creates and removes, must not run as the project's default account either.
    first = one_of(declared, CLUSTERS["gke"])["nodeConfig"]
    assert first["serviceAccount"] == pools["cluster-nodes"]["nodeConfig"]["serviceAccount"]


@pytest.mark.usefixtures("clouds")
def test_nodes_of_eks_keep_their_metadata_from_pods_and_encrypt_their_disks(program: Program):
    declared = program(**EKS, **GPU)
    templates = of_type(declared, "LaunchTemplate")

    assert len(templates) == len(of_type(declared, "NodeGroup")) == 2
    for template in templates:
        assert template["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        }
        (disk,) = template["blockDeviceMappings"]
        assert disk["ebs"]["encrypted"] == "true"


@pytest.mark.usefixtures("clouds")
def test_the_api_is_reached_from_given_networks_alone(program: Program):
    gke = created(program, "gke", apiRanges=[RANGE])
    assert gke["masterAuthorizedNetworksConfig"] == {"cidrBlocks": [{"cidrBlock": RANGE}]}
    assert created(program, "eks", apiRanges=[RANGE])["vpcConfig"]["publicAccessCidrs"] == [RANGE]
    assert created(program, "aks", apiRanges=[RANGE])["apiServerAccessProfile"] == {
        "authorizedIPRanges": [RANGE]
    }


@pytest.mark.usefixtures("clouds")
def test_the_api_has_a_private_address_alone_if_it_is_asked_for(program: Program):
    gke = created(program, "gke", privateEndpoint=True)
    assert gke["privateClusterConfig"] == {"enablePrivateEndpoint": True, "enablePrivateNodes": False}
    # GKE asks for it with a private endpoint.
    assert gke["masterAuthorizedNetworksConfig"] == {"cidrBlocks": []}
    eks = created(program, "eks", privateEndpoint=True)["vpcConfig"]
    assert (eks["endpointPublicAccess"], eks["endpointPrivateAccess"]) == (False, True)
    aks = created(program, "aks", privateEndpoint=True)
    assert aks["apiServerAccessProfile"] == {"enablePrivateCluster": True}


@pytest.mark.usefixtures("clouds")
def test_nodes_are_created_in_given_subnets(program: Program):
    gke = created(program, "gke", network="ours", subnets=["nodes"], privateNodes=True)
    assert (gke["network"], gke["subnetwork"]) == ("ours", "nodes")
    assert gke["privateClusterConfig"]["enablePrivateNodes"]
    eks = created(program, "eks", subnets=["subnet-1", "subnet-2"])
    assert eks["vpcConfig"]["subnetIds"] == ["subnet-1", "subnet-2"]
    aks = program(**AKS, **GPU, cloud='{"subnets": ["/subscriptions/ours/subnets/nodes"]}')
    (system,) = one_of(aks, CLUSTERS["aks"])["agentPoolProfiles"]
    (gpu,) = of_type(aks, "AgentPool")
    assert system["vnetSubnetID"] == gpu["vnetSubnetID"] == "/subscriptions/ours/subnets/nodes"


@pytest.mark.usefixtures("clouds")
def test_a_key_of_ones_own_encrypts_secrets_and_disks(program: Program):
    key = "projects/acme/locations/eu/keyRings/ours/cryptoKeys/slipway"
    gke = program(**GKE, **GPU, cloud=json.dumps({"encryptionKey": key}))
    database = one_of(gke, CLUSTERS["gke"])["databaseEncryption"]
    assert database == {"state": "ENCRYPTED", "keyName": key}
    assert {pool["nodeConfig"]["bootDiskKmsKey"] for pool in of_type(gke, "NodePool")} == {key}
    assert created(program, "eks", encryptionKey=KMS)["encryptionConfig"] == {
        "provider": {"keyArn": KMS},
        "resources": ["secrets"],
    }
    disks = "/subscriptions/ours/resourceGroups/g/providers/Microsoft.Compute/diskEncryptionSets/ours"
    assert created(program, "aks", encryptionKey=disks)["diskEncryptionSetID"] == disks


@pytest.mark.parametrize(
    ("chosen", "gke", "aks"),
    [("rapid", "RAPID", "rapid"), ("regular", "REGULAR", "stable"), ("stable", "STABLE", "patch")],
)
@pytest.mark.usefixtures("clouds")
def test_clusters_are_upgraded_by_their_channel(program: Program, chosen: str, gke: str, aks: str):
    assert created(program, "gke", upgradeChannel=chosen)["releaseChannel"] == {"channel": gke}
    profile = created(program, "aks", upgradeChannel=chosen)["autoUpgradeProfile"]
    assert profile == {"upgradeChannel": aks, "nodeOSUpgradeChannel": "NodeImage"}


@pytest.mark.usefixtures("clouds")
def test_a_version_can_be_chosen_and_eks_leaves_it_before_it_costs_more(program: Program):
    assert created(program, "gke", version="1.34")["minMasterVersion"] == "1.34"
    assert created(program, "eks", version="1.34")["version"] == "1.34"
    assert created(program, "aks", version="1.34")["kubernetesVersion"] == "1.34"
    assert created(program, "eks")["upgradePolicy"] == {"supportType": "STANDARD"}


@pytest.mark.usefixtures("clouds")
def test_clusters_and_nodes_have_tags(program: Program):
    tags = {"slipway-stack": "slipway-prod", "team": "vision"}
    chosen = {"cloud": json.dumps({"tags": {"team": "vision"}})}

    gke, eks, aks = (program(**config, **GPU, **chosen) for config in (GKE, EKS, AKS))

    assert one_of(gke, CLUSTERS["gke"])["resourceLabels"] == tags
    assert all(pool["nodeConfig"]["resourceLabels"] == tags for pool in of_type(gke, "NodePool"))
    assert one_of(eks, CLUSTERS["eks"])["tags"] == tags
    assert all(group["tags"] == tags for group in of_type(eks, "NodeGroup"))
    for template in of_type(eks, "LaunchTemplate"):
        assert [item["tags"] for item in template["tagSpecifications"]] == [tags, tags]
    assert one_of(aks, CLUSTERS["aks"])["tags"] == tags
    assert all(pool["tags"] == tags for pool in of_type(aks, "AgentPool"))


@pytest.mark.parametrize(
    ("config", "chosen", "problem"),
    [
        ({}, {"version": "1.34"}, ("cloud", "empty, unless cluster is gke, eks or aks, without clusterName")),
        (
            {**GKE, "clusterName": "theirs"},
            {"version": "1.34"},
            ("cloud", "empty, unless cluster is gke, eks or aks, without clusterName"),
        ),
        (EKS, {"upgradeChannel": "rapid"}, ("cloud.upgradeChannel", "not set, for cluster is eks")),
        (AKS, {"privateNodes": True}, ("cloud.privateNodes", "not set, for cluster is aks")),
        (GKE, {"uptimeSla": True}, ("cloud.uptimeSla", "not set, for cluster is gke")),
        (EKS, {"subnets": ["subnet-1"]}, ("cloud.subnets", "at least 2, for cluster is eks")),
        (AKS, {"subnets": ["a", "b"]}, ("cloud.subnets", "one, for cluster is aks")),
        (GKE, {"network": "ours"}, ("cloud.network", "empty, unless subnets names the subnet")),
        (
            EKS,
            {"apiRanges": [RANGE], "privateEndpoint": True},
            ("cloud.apiRanges", "empty, for privateEndpoint"),
        ),
        (GKE, {"apiRanges": ["203.0.113.1/24"]}, ("cloud.apiRanges[0]", "a network in CIDR notation")),
        (GKE, {"admins": ["me@example.com"]}, ("cloud.admins[0]", "user:E-MAIL, group:E-MAIL")),
        (EKS, {"admins": [PLATFORM, "me"]}, ("cloud.admins[1]", "arn:aws:iam::ACCOUNT:role/NAME")),
        (AKS, {"admins": ["platform"]}, ("cloud.admins[0]", "the object identifier of a group")),
        (EKS, {"encryptionKey": "ours"}, ("cloud.encryptionKey", "arn:aws:kms:REGION:ACCOUNT:key/KEY")),
        (GKE, {"tags": {"Team": "vision"}}, ("cloud.tags.Team", "small letters, digits, - and _")),
        (GKE, {"wrong": 1}, ("cloud.wrong", "unknown")),
    ],
)
def test_what_a_cloud_does_not_know_is_refused(
    stack_of: StackOf, config: dict[str, str], chosen: dict[str, Any], problem: tuple[str, str]
):
    ((key, said),) = problems(stack_of(**config, cloud=json.dumps(chosen)))

    name, allowed = problem
    assert key.removeprefix("slipway:") == name
    assert allowed in said


@pytest.mark.usefixtures("clouds")
def test_a_private_endpoint_of_gke_may_be_reached_from_given_networks(program: Program):
    cluster = created(program, "gke", privateEndpoint=True, apiRanges=[RANGE])

    assert cluster["masterAuthorizedNetworksConfig"] == {"cidrBlocks": [{"cidrBlock": RANGE}]}
