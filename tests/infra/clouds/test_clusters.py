"""The clusters of the clouds, existing and created."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ops.errors import OperationError
from ops.program import Run
from tests.infra.conftest import CLOUD_CONFIG, SDKS, is_secret, one_of, require_sdks

PROVIDER = "pulumi:providers:kubernetes"
FOUND = {"gke": "theirs", "eks": "theirs", "aks": "group/theirs"}
CLUSTERS = {
    "gke": "gcp:container/cluster:Cluster",
    "eks": "aws:eks/cluster:Cluster",
    "aks": "azure-native:containerservice:ManagedCluster",
}
Program = Callable[..., Run]


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
@pytest.mark.usefixtures("clouds")
def test_a_cluster_with_a_name_is_looked_up_and_not_created(program: Program, cloud: str):
    declared = program(**CLOUD_CONFIG[cloud], clusterName=FOUND[cloud])

    others = {resource.type.partition(":")[0] for resource in declared.resources}
    assert others == {"docker-build", "kubernetes", "pulumi", "slipway"}
    given = one_of(declared, PROVIDER)
    assert yaml.safe_load(given["kubeconfig"]["value"])["kind"] == "Config"
    assert "theirs" in given["clusterIdentifier"]


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
@pytest.mark.usefixtures("clouds")
def test_a_cluster_without_a_name_is_created(program: Program, cloud: str):
    declared = program(**CLOUD_CONFIG[cloud])

    assert one_of(declared, CLUSTERS[cloud])
    given = one_of(declared, PROVIDER)
    assert yaml.safe_load(given["kubeconfig"]["value"])["kind"] == "Config"


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
@pytest.mark.parametrize("is_found", [True, False])
@pytest.mark.usefixtures("clouds")
def test_the_kubeconfig_is_a_secret_without_the_id_of_the_cluster(
    program: Program, cloud: str, is_found: bool
):
    given = one_of(program(**CLOUD_CONFIG[cloud], clusterName=FOUND[cloud] if is_found else ""), PROVIDER)

    assert is_secret(given["kubeconfig"])
    # A rewritten kubeconfig is still the same cluster.
    assert isinstance(given["clusterIdentifier"], str)
    assert given["clusterIdentifier"] not in given["kubeconfig"]["value"]


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
@pytest.mark.parametrize("is_found", [True, False])
def test_values_that_only_the_cloud_knows_do_not_stop_a_render(program: Program, cloud: str, is_found: bool):
    declared = program(**CLOUD_CONFIG[cloud], clusterName=FOUND[cloud] if is_found else "")

    assert declared.outputs["namespace"] == "slipway-prod"


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
@pytest.mark.usefixtures("clouds")
def test_objects_are_created_after_the_nodes(program: Program, cloud: str, monkeypatch: pytest.MonkeyPatch):
    import pulumi_kubernetes

    awaited = []
    original = pulumi_kubernetes.Provider.__init__

    def spy(self: Any, *args: Any, **kwargs: Any) -> None:
        awaited.extend(dependency._name for dependency in kwargs["opts"].depends_on)
        original(self, *args, **kwargs)

    monkeypatch.setattr(pulumi_kubernetes.Provider, "__init__", spy)
    program(**CLOUD_CONFIG[cloud])

    assert {"gke": "cluster-nodes", "eks": "cluster-nodes", "aks": "cluster"}[cloud] in awaited


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"cluster": "gke", "gcp:project": "acme"}, "gcp:zone: not set; `pulumi config set gcp:zone"),
        ({"cluster": "gke", "clusterName": "x"}, "gcp:zone: not set"),
        ({"cluster": "gke", "gcp:zone": "europe-west4-a"}, "gcp:project: not set"),
        ({"cluster": "eks"}, "aws:region: not set; `pulumi config set aws:region eu-west-1`"),
        ({"cluster": "aks"}, "azure-native:location: not set"),
    ],
)
def test_the_error_for_a_missing_setting_of_a_cloud_names_its_key(
    program: Program, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], problem: str
):
    require_sdks(SDKS[config["cluster"]])
    for name in ("GOOGLE_ZONE", "GOOGLE_REGION", "GOOGLE_PROJECT", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(OperationError, match=f"^{problem}"):
        program(**config)


def test_a_gke_cluster_with_a_region_is_regional(program: Program, clouds: list[Any]):
    program(cluster="gke", clusterName="theirs", **{"gcp:region": "europe-west4"})

    (asked,) = clouds
    assert asked.args == {"name": "theirs", "location": "europe-west4"}


@pytest.mark.usefixtures("clouds")
def test_kubeconfigs_of_gke_and_eks_get_tokens_from_their_own_commands(program: Program):
    commands = {}
    for cloud in ("gke", "eks"):
        given = one_of(program(**CLOUD_CONFIG[cloud], clusterName="theirs"), PROVIDER)
        (user,) = json.loads(given["kubeconfig"]["value"])["users"]
        commands[cloud] = [user["user"]["exec"]["command"], *user["user"]["exec"]["args"]]

    assert commands == {
        "gke": ["gke-gcloud-auth-plugin"],
        "eks": ["aws", "--region", "eu-west-1", "eks", "get-token", "--cluster-name", "theirs"],
    }


@pytest.mark.usefixtures("clouds")
def test_a_created_cluster_enforces_network_policies(program: Program):
    gke = one_of(program(**CLOUD_CONFIG["gke"]), CLUSTERS["gke"])
    eks = [
        resource.inputs
        for resource in program(**CLOUD_CONFIG["eks"]).resources
        if resource.type.endswith(":Addon")
    ]
    aks = one_of(program(**CLOUD_CONFIG["aks"]), CLUSTERS["aks"])

    assert gke["datapathProvider"] == "ADVANCED_DATAPATH"
    (cni,) = [addon for addon in eks if addon["addonName"] == "vpc-cni"]
    assert json.loads(cni["configurationValues"]) == {"enableNetworkPolicy": "true"}
    assert aks["networkProfile"]["networkPolicy"] == "cilium"


@pytest.mark.usefixtures("clouds")
def test_an_eks_cluster_gets_the_add_ons_that_gke_and_aks_include(program: Program):
    declared = program(**CLOUD_CONFIG["eks"])

    # https://docs.aws.amazon.com/eks/latest/userguide/community-addons.html
    addons = {
        resource.inputs["addonName"] for resource in declared.resources if resource.type.endswith(":Addon")
    }
    assert {"metrics-server", "eks-pod-identity-agent"} <= addons
    (autoscaler,) = [resource.inputs for resource in declared.resources if resource.type.endswith(":Release")]
    assert autoscaler["chart"] == "cluster-autoscaler"
    assert autoscaler["values"]["autoDiscovery"] == {"clusterName": "slipway-prod"}
    assert one_of(declared, CLUSTERS["eks"])["name"] == "slipway-prod"
    # The account whose pod has the role.
    association = one_of(declared, "aws:eks/podIdentityAssociation:PodIdentityAssociation")
    account = autoscaler["values"]["rbac"]["serviceAccount"]["name"]
    assert (association["serviceAccount"], association["namespace"]) == (account, autoscaler["namespace"])


@pytest.mark.usefixtures("clouds")
def test_an_existing_eks_cluster_keeps_its_own_autoscaler(program: Program):
    declared = program(**CLOUD_CONFIG["eks"], clusterName="theirs")

    assert not [resource for resource in declared.resources if resource.type.endswith(":Release")]


def test_an_eks_cluster_avoids_zones_without_a_control_plane(program: Program, clouds: list[Any]):
    program(**CLOUD_CONFIG["eks"])

    zones, *_ = clouds
    subnets = next(call for call in clouds if call.token == "aws:ec2/getSubnets:getSubnets")
    assert "use1-az3" in zones.args["excludeZoneIds"]
    assert subnets.args["filters"][1] == {"name": "availability-zone-id", "values": ["euw1-az1", "euw1-az2"]}


@pytest.mark.usefixtures("clouds")
def test_the_autoscaler_of_eks_may_resize_only_its_own_cluster(program: Program):
    policy = json.loads(one_of(program(**CLOUD_CONFIG["eks"]), "aws:iam/rolePolicy:RolePolicy")["policy"])

    (writes,) = [
        statement
        for statement in policy["Statement"]
        if "autoscaling:SetDesiredCapacity" in statement["Action"]
    ]
    tag = "aws:ResourceTag/k8s.io/cluster-autoscaler/slipway-prod"
    assert writes["Condition"] == {"StringEquals": {tag: "owned"}}
