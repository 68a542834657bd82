import pytest

from tests.infra.autoscaling.conftest import EACH_BACKEND, Autoscaler, Program, autoscaler_of, by


def test_the_defaults_are_two_to_ten_pods_at_sixty_percent_of_the_cpu_request(autoscaler: Autoscaler):
    found = autoscaler()

    assert found["kind"] == "HorizontalPodAutoscaler"
    assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (2, 10)
    target = {"type": "Utilization", "averageUtilization": 60}
    assert found["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


@pytest.mark.parametrize("config", EACH_BACKEND)
def test_only_the_autoscaler_sets_the_number_of_pods(program: Program, config: dict[str, str]):
    declared = program(**config)
    (deployment,) = [manifest for manifest in declared.objects() if manifest["kind"] == "Deployment"]
    found = autoscaler_of(declared)

    reference = {"apiVersion": "apps/v1", "kind": "Deployment", **found["spec"]["scaleTargetRef"]}
    assert reference == {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "name": deployment["metadata"]["name"],
    }
    assert found["metadata"]["namespace"] == deployment["metadata"]["namespace"]
    assert "replicas" not in deployment["spec"]


def test_the_bounds_come_from_the_settings(autoscaler: Autoscaler):
    bounds = {"minReplicas": "3", "maxReplicas": "5", "targetCpuUtilization": "75"}

    spec = autoscaler(**bounds)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 5)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 75

    spec = autoscaler(**by("keda", **bounds))["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, 5)
    assert {"value": "75"} in [trigger["metadata"] for trigger in spec["triggers"]]


@pytest.mark.parametrize("config", EACH_BACKEND)
def test_pods_are_added_at_once_and_removed_slowly(autoscaler: Autoscaler, config: dict[str, str]):
    spec = autoscaler(**config, scaleDownStabilizationSeconds="90")["spec"]
    if "advanced" in spec:
        spec = spec["advanced"]["horizontalPodAutoscalerConfig"]

    up, down = spec["behavior"]["scaleUp"], spec["behavior"]["scaleDown"]
    assert up["stabilizationWindowSeconds"] == 0
    assert [(policy["type"], policy["value"], policy["periodSeconds"]) for policy in up["policies"]] == [
        ("Percent", 100, 15),
        ("Pods", 4, 15),
    ]
    assert down["stabilizationWindowSeconds"] == 90
    assert [(policy["type"], policy["value"], policy["periodSeconds"]) for policy in down["policies"]] == [
        ("Percent", 25, 60),
        ("Pods", 1, 60),
    ]
    # One pod is always allowed to go: a quarter of three is none.
    assert (up["selectPolicy"], down["selectPolicy"]) == ("Max", "Max")
