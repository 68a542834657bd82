"""Who administers a created cluster beside its creator."""

import json

import pytest

from tests.infra.clouds.created import AKS, CLUSTERS, EKS, GKE, GROUP, PLATFORM, Program, created, of_type
from tests.infra.conftest import one_of


@pytest.mark.usefixtures("clouds")
def test_administrators_of_gke_have_rights_in_this_cluster_alone(program: Program):
    admins = ["group:platform@example.com", "user:me@example.com"]
    declared = program(**GKE, cloud=json.dumps({"admins": admins}))

    grants = [item for item in of_type(declared, "IAMMember") if item["member"] in admins]
    assert {grant["role"] for grant in grants} == {"roles/container.clusterViewer"}
    assert len(grants) == 2
    (binding,) = [item for item in declared.objects() if item["kind"] == "ClusterRoleBinding"]
    assert [(item["kind"], item["name"]) for item in binding["subjects"]] == [
        ("Group", "platform@example.com"),
        ("User", "me@example.com"),
    ]
    cluster = one_of(declared, CLUSTERS["gke"])
    assert cluster["authenticatorGroupsConfig"] == {"securityGroup": "gke-security-groups@example.com"}


@pytest.mark.usefixtures("clouds")
def test_administrators_of_eks_are_roles_and_users(program: Program):
    declared = program(**EKS, cloud=json.dumps({"admins": [PLATFORM]}))

    (entry,) = of_type(declared, "AccessEntry")
    (policy,) = of_type(declared, "AccessPolicyAssociation")
    assert entry["principalArn"] == policy["principalArn"] == PLATFORM
    assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
    assert policy["accessScope"] == {"type": "cluster"}


@pytest.mark.usefixtures("clouds")
def test_administrators_of_aks_are_groups_and_local_accounts_are_disabled(program: Program):
    declared = program(**AKS, cloud=json.dumps({"admins": [GROUP]}))

    cluster = one_of(declared, CLUSTERS["aks"])
    assert cluster["aadProfile"] == {"adminGroupObjectIDs": [GROUP], "managed": True}
    assert cluster["disableLocalAccounts"] is True
    assert created(program, "aks")["disableLocalAccounts"] is False


def test_a_kubeconfig_of_aks_with_groups_takes_the_login_of_the_azure_cli():
    security = pytest.importorskip("infra.clouds.aks_security")
    text = "clusters: [{name: c}]\nusers: [{name: u, user: {exec: {command: kubelogin, args: [devicecode]}}}]"

    config = json.loads(security.with_kubelogin(text))

    assert config["clusters"] == [{"name": "c"}]
    (user,) = config["users"]
    assert user["name"] == "u"
    assert user["user"]["exec"]["args"][:3] == ["get-token", "--login", "azurecli"]
