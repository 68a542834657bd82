from tests.infra.conftest import Declare


def test_two_to_ten_pods_at_sixty_percent_of_the_cpu_request(declare: Declare):
    spec = declare()["HorizontalPodAutoscaler"]["spec"]

    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    target = {"type": "Utilization", "averageUtilization": 60}
    assert spec["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def test_it_scales_the_deployment(declare: Declare):
    objects = declare()
    deployment = objects["Deployment"]

    assert objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"],
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
    }


def test_the_bounds_are_the_settings(declare: Declare):
    spec = declare(minReplicas="3", maxReplicas="5", targetCpuUtilization="75")["HorizontalPodAutoscaler"][
        "spec"
    ]

    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 5)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 75
