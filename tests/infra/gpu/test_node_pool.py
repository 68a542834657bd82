"""The GPU nodes of each cloud, and the pods that run on them."""

import re
from collections.abc import Callable
from typing import Any

import pulumi_kubernetes
import pytest

from ops.program import Run
from tests.infra.conftest import CLOUD_CONFIG, GPU, Declare, one_of

pytestmark = pytest.mark.usefixtures("clouds")
Program = Callable[..., Run]

POOLS = {
    "gke": "gcp:container/nodePool:NodePool",
    "eks": "aws:eks/nodeGroup:NodeGroup",
    "aks": "azure-native:containerservice:AgentPool",
}
FOUND = {"gke": "theirs", "eks": "theirs", "aks": "group/theirs"}
PRESENT = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}


@pytest.fixture
def pool(program: Program) -> Callable[..., dict[str, Any]]:
    """Return a function that gives the inputs of a cloud's GPU pool in an existing cluster."""

    def declare(cloud: str, **config: str) -> dict[str, Any]:
        return one_of(program(**CLOUD_CONFIG[cloud], **GPU, clusterName=FOUND[cloud], **config), POOLS[cloud])

    return declare


def releases(declared: Run) -> dict[str, dict[str, Any]]:
    """Return the releases of a run by their chart."""
    return {
        resource.inputs["chart"]: resource.inputs
        for resource in declared.resources
        if resource.type.endswith(":Release")
    }


def pod(objects: dict[str, Any]) -> dict[str, Any]:
    return objects["Deployment"]["spec"]["template"]["spec"]


def test_gke_installs_the_driver_and_limits_the_nodes_of_all_zones_together(pool: Callable[..., Any]):
    declared = pool("gke", gpuMaxNodes="5")

    node = declared["nodeConfig"]
    assert node["machineType"] == "g2-standard-4"
    driver = {"gpuDriverVersion": "LATEST"}
    assert node["guestAccelerators"] == [
        {"type": "nvidia-l4", "count": 1, "gpuDriverInstallationConfig": driver}
    ]
    assert node["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    scaling = {"totalMinNodeCount": 0, "totalMaxNodeCount": 5, "locationPolicy": "ANY"}
    assert declared["autoscaling"] == scaling
    assert (declared["cluster"], declared["location"]) == ("theirs", "europe-west4-a")


def test_gpu_nodes_of_eks_have_the_image_with_the_driver_and_a_large_disk(
    program: Program, pool: Callable[..., Any]
):
    sizes = {"gpuMinNodes": "1", "gpuMaxNodes": "5"}
    declared = pool("eks", **sizes)
    template = one_of(
        program(**CLOUD_CONFIG["eks"], **GPU, clusterName=FOUND["eks"], **sizes),
        "aws:ec2/launchTemplate:LaunchTemplate",
    )

    assert declared["amiType"] == "AL2023_x86_64_NVIDIA"
    assert declared["instanceTypes"] == ["g6.xlarge"]
    (disk,) = template["blockDeviceMappings"]
    assert disk["ebs"]["volumeSize"] >= 50
    assert declared["scalingConfig"] == {"minSize": 1, "desiredSize": 1, "maxSize": 5}
    assert declared["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    assert (declared["clusterName"], declared["subnetIds"]) == ("theirs", ["subnet-a", "subnet-b"])


def test_aks_installs_the_driver(pool: Callable[..., Any]):
    declared = pool("aks", gpuMaxNodes="5")

    assert declared["gpuProfile"] == {"driver": "Install"}
    assert declared["vmSize"] == "Standard_NC4as_T4_v3"
    assert declared["enableAutoScaling"] is True
    assert (declared["minCount"], declared["count"], declared["maxCount"]) == (0, 0, 5)
    assert declared["nodeTaints"] == ["nvidia.com/gpu=present:NoSchedule"]
    assert (declared["resourceGroupName"], declared["resourceName"]) == ("group", "theirs")
    # https://learn.microsoft.com/azure/aks/create-node-pools: of a pool on Linux
    assert re.fullmatch(r"[a-z][a-z0-9]{0,11}", declared["agentPoolName"])


@pytest.mark.parametrize(
    ("cloud", "path"),
    [("gke", ["nodeConfig", "machineType"]), ("eks", ["instanceTypes", 0]), ("aks", ["vmSize"])],
)
def test_the_machine_type_comes_from_the_settings(pool: Callable[..., Any], cloud: str, path: list[Any]):
    value = pool(
        cloud, gpuMachineType="big", **({"gpuAccelerator": "nvidia-tesla-t4"} if cloud == "gke" else {})
    )
    for key in path:
        value = value[key]

    assert value == "big"


def test_the_accelerator_of_gke_comes_from_the_settings(pool: Callable[..., Any]):
    (accelerator,) = pool("gke", gpuMachineType="n1-standard-4", gpuAccelerator="nvidia-tesla-t4")[
        "nodeConfig"
    ]["guestAccelerators"]

    assert accelerator["type"] == "nvidia-tesla-t4"


def test_spot_machines_are_requested_in_the_form_of_the_cloud(pool: Callable[..., Any]):
    assert [pool("gke", gpuSpot=spot)["nodeConfig"]["spot"] for spot in ("true", "false")] == [True, False]
    capacity = [pool("eks", gpuSpot=spot)["capacityType"] for spot in ("true", "false")]
    assert capacity == ["SPOT", "ON_DEMAND"]
    spot, on_demand = (pool("aks", gpuSpot=spot) for spot in ("true", "false"))
    assert (spot["scaleSetPriority"], spot["scaleSetEvictionPolicy"]) == ("Spot", "Delete")
    assert on_demand["scaleSetPriority"] == "Regular"
    assert "scaleSetEvictionPolicy" not in on_demand


def test_pods_tolerate_the_taint_of_spot_nodes_on_aks(program: Program, pool: Callable[..., Any]):
    taint = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"
    assert taint in pool("aks", gpuSpot="true")["nodeTaints"]

    declared = program(**CLOUD_CONFIG["aks"], **GPU, gpuSpot="true", monitoring="existing")

    (deployment,) = [
        resource.inputs for resource in declared.resources if resource.type.endswith(":Deployment")
    ]
    charts = [chart["values"] for chart in releases(declared).values()]
    for spec in [deployment["spec"]["template"]["spec"], *charts]:
        tolerated = [
            f"{toleration['key']}={toleration['value']}:{toleration['effect']}"
            for toleration in spec["tolerations"]
        ]
        assert tolerated == ["nvidia.com/gpu=present:NoSchedule", taint]


@pytest.mark.parametrize("cloud", POOLS)
def test_pods_run_only_on_the_nodes_of_the_pool(declare: Declare, pool: Callable[..., Any], cloud: str):
    declared = pool(cloud)
    labels = declared.get("nodeLabels") or declared.get("labels") or declared["nodeConfig"]["labels"]

    spec = pod(declare(**CLOUD_CONFIG[cloud], clusterName=FOUND[cloud], **GPU))

    required = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    ((rule,),) = [term["matchExpressions"] for term in required["nodeSelectorTerms"]]
    assert rule["operator"] == "In"
    assert labels[rule["key"]] in rule["values"]
    assert spec["tolerations"] == [PRESENT]


def test_no_node_pool_is_created_in_an_existing_cluster(program: Program, declare: Declare):
    assert not [resource for resource in program(**GPU).resources if resource.type in POOLS.values()]
    spec = pod(declare(**GPU))
    assert "affinity" not in spec
    assert spec["tolerations"] == [PRESENT]


@pytest.mark.parametrize("config", [{}, *CLOUD_CONFIG.values()])
def test_without_a_gpu_there_is_no_pool_and_no_pod_requests_one(program: Program, config: dict[str, str]):
    declared = program(**config)

    assert "gpu" not in {resource.name for resource in declared.resources}
    (deployment,) = [
        resource.inputs for resource in declared.resources if resource.type.endswith(":Deployment")
    ]
    spec = deployment["spec"]["template"]["spec"]
    assert not {"affinity", "tolerations"} & set(spec)
    assert set(spec["containers"][0]["resources"]["limits"]) == {"cpu", "memory"}


def test_every_pod_has_a_gpu_which_its_server_requires(declare: Declare):
    objects = declare(**GPU)

    (container,) = pod(objects)["containers"]
    # https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus: the request is the limit.
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert objects["ConfigMap"]["data"]["SLIPWAY_DEVICE"] == "gpu"


def test_the_engine_and_the_cluster_wait_equally_long_for_a_node(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
):
    timeouts = []
    original = pulumi_kubernetes.apps.v1.Deployment.__init__

    def spy(self: Any, *args: Any, **kwargs: Any) -> None:
        timeouts.append(kwargs["opts"].custom_timeouts)
        original(self, *args, **kwargs)

    monkeypatch.setattr(pulumi_kubernetes.apps.v1.Deployment, "__init__", spy)
    deadlines = [declare(**device)["Deployment"]["spec"]["progressDeadlineSeconds"] for device in ({}, GPU)]

    assert deadlines[1] >= deadlines[0] + 600
    for deadline, timeout in zip(deadlines, timeouts, strict=True):
        # Several pods, one after the other.
        assert int(timeout.create.removesuffix("s")) == int(timeout.update.removesuffix("s")) >= 2 * deadline


def test_a_rollout_needs_no_additional_gpu(declare: Declare):
    strategies = {
        device: declare(**config)["Deployment"]["spec"]["strategy"]["rollingUpdate"]
        for device, config in {"cpu": {}, "gpu": GPU}.items()
    }

    assert strategies == {
        "cpu": {"maxUnavailable": 0, "maxSurge": 1},
        "gpu": {"maxUnavailable": 1, "maxSurge": 0},
    }


@pytest.mark.parametrize(("cloud", "brings"), [("gke", True), ("eks", False), ("aks", False)])
def test_nvidias_device_plugin_is_installed_if_the_cloud_does_not_include_it(
    program: Program, cloud: str, brings: bool
):
    charts = releases(program(**CLOUD_CONFIG[cloud], **GPU))

    assert ("nvidia-device-plugin" not in charts) is brings


@pytest.mark.parametrize("cloud", POOLS)
def test_the_metrics_of_gpus_are_exported_if_prometheus_scrapes_them(program: Program, cloud: str):
    unwatched = releases(program(**CLOUD_CONFIG[cloud], **GPU))
    watched = releases(
        program(**CLOUD_CONFIG[cloud], **GPU, monitoring="existing", monitoringNamespace="watch")
    )

    assert "dcgm-exporter" not in unwatched
    exporter = watched["dcgm-exporter"]
    assert exporter["namespace"] == "watch"
    assert exporter["values"]["serviceMonitor"]["enabled"] is True
    assert exporter["values"]["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert exporter["values"]["tolerations"] == [PRESENT]
    # https://cloud.google.com/kubernetes-engine/docs/how-to/gpus: where GKE puts the driver
    mounts = [volume["hostPath"] for volume in exporter["values"].get("extraHostVolumes", [])]
    assert mounts == (["/home/kubernetes/bin/nvidia"] if cloud == "gke" else [])


@pytest.mark.parametrize("cloud", POOLS)
def test_every_chart_is_pinned(program: Program, cloud: str):
    charts = releases(program(**CLOUD_CONFIG[cloud], **GPU, monitoring="existing"))

    for chart in charts.values():
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", chart["version"]), chart
        assert chart["repositoryOpts"]["repo"].startswith("https://")


def test_the_exporter_of_gpu_metrics_comes_after_the_definition_of_service_monitors(
    program: Program, monkeypatch: pytest.MonkeyPatch
):
    awaited: dict[str, list[str]] = {}
    original = pulumi_kubernetes.helm.v3.Release.__init__

    def spy(self: Any, *args: Any, **kwargs: Any) -> None:
        awaited[kwargs["chart"]] = [dependency._type for dependency in kwargs["opts"].depends_on or []]
        original(self, *args, **kwargs)

    monkeypatch.setattr(pulumi_kubernetes.helm.v3.Release, "__init__", spy)
    secret = {"grafanaAdminPassword": "hunter3"}
    program(**CLOUD_CONFIG["aks"], **GPU, monitoring="install", secret=secret)

    assert awaited["dcgm-exporter"] == ["slipway:infra:MonitoringStack"]
    # The nodes are not to wait for it.
    assert awaited["nvidia-device-plugin"] == []
