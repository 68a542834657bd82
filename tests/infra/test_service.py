import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fastapi.routing import APIRoute

from app.http.api import create_app
from app.settings import Settings as AppSettings
from app.signature import Signature, Tensor
from infra.service import ModelService
from ops import program as program_module
from ops.program import Recorder, Run
from ops.stack import PROJECT
from tests.conftest import VERSION, write_artifact
from tests.infra.conftest import Declare, by_kind

DOCKERFILE = (PROJECT / "app/Dockerfile").read_text()


def pod(objects: dict[str, Any]) -> dict[str, Any]:
    return objects["Deployment"]["spec"]["template"]["spec"]


def server(objects: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod(objects)["containers"]
    return container


def test_the_defaults_have_the_required_values(declare: Declare):
    objects = declare()

    assert server(objects)["resources"] == {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }
    service = objects["Service"]["spec"]
    assert service["type"] == "LoadBalancer"
    assert service["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    ports = {port["name"]: port["containerPort"] for port in server(objects)["ports"]}
    assert ports == {"http": 8000, "metrics": 8001}


def test_every_object_carries_the_recommended_labels(declare: Declare):
    for kind, manifest in declare().items():
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "slipway", kind
        assert labels["app.kubernetes.io/managed-by"] == "slipway", kind
        if kind != "Namespace":
            assert labels["app.kubernetes.io/name"] == "tiny", kind
            assert labels["app.kubernetes.io/instance"] == "prod", kind
            assert labels["app.kubernetes.io/version"], kind
            assert labels["app.kubernetes.io/component"] == "model-server", kind


def test_the_selector_of_the_pods_does_not_change_with_the_version(declare: Declare):
    objects = declare()
    selector = {"app.kubernetes.io/name": "tiny", "app.kubernetes.io/instance": "prod"}

    assert objects["Deployment"]["spec"]["selector"] == {"matchLabels": selector}
    assert objects["Service"]["spec"]["selector"] == selector
    assert objects["PodDisruptionBudget"]["spec"]["selector"] == {"matchLabels": selector}
    assert objects["NetworkPolicy"]["spec"]["podSelector"] == {"matchLabels": selector}
    spread = pod(objects)["topologySpreadConstraints"]
    assert [constraint["labelSelector"] for constraint in spread] == [{"matchLabels": selector}] * 2
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()


def test_the_pod_meets_the_restricted_standard_and_has_a_read_only_file_system(declare: Declare):
    objects = declare()

    security = pod(objects)["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert server(objects)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(objects)["automountServiceAccountToken"] is False
    assert objects["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod(objects)["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]


def test_the_pod_runs_as_the_images_user_and_serves_the_images_model(declare: Declare):
    objects = declare()

    security = pod(objects)["securityContext"]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in DOCKERFILE
    path = objects["ConfigMap"]["data"]["SLIPWAY_MODEL_PATH"]
    assert re.search(rf"signature.json sample.npz {path}/$", DOCKERFILE, re.MULTILINE)
    ports = " ".join(str(port["containerPort"]) for port in server(objects)["ports"])
    assert f"EXPOSE {ports}\n" in DOCKERFILE


def test_traces_leave_the_pod_only_for_the_collector_that_is_named(declare: Declare):
    closed = declare()
    assert "egress" not in closed["NetworkPolicy"]["spec"]
    assert closed["NetworkPolicy"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in closed["ConfigMap"]["data"]

    objects = declare(otlpEndpoint="http://collector.observability:4318")

    (rule,) = objects["NetworkPolicy"]["spec"]["egress"]
    assert [port["port"] for port in rule["ports"]] == [4318, 53, 53]
    endpoint = objects["ConfigMap"]["data"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert endpoint.rstrip("/") == "http://collector.observability:4318"


def test_threads_follow_the_cpu_limit_unless_they_are_set(declare: Declare):
    assert "SLIPWAY_THREADS" not in declare()["ConfigMap"]["data"]


def test_changed_settings_are_a_new_configmap_and_start_new_pods(declare: Declare):
    first, other = declare(), declare(logLevel="debug")

    assert first["ConfigMap"]["immutable"] is True
    assert first["ConfigMap"]["metadata"]["name"] != other["ConfigMap"]["metadata"]["name"]
    for objects in (first, other):
        name = objects["ConfigMap"]["metadata"]["name"]
        assert server(objects)["envFrom"] == [{"configMapRef": {"name": name}}]


def test_every_probe_uses_a_path_of_the_server(declare: Declare):
    x, y = (Tensor(name=name, datatype="FP32", shape=(-1, 2)) for name in "xy")
    signature = Signature(
        name="tiny", version="1", formats=("onnx",), inputs=(x,), outputs=(y,),
        labels=None, activation=None, image=None,
    )  # fmt: skip
    service = SimpleNamespace(
        on_models_changed=[],
        signature=signature,
        settings=AppSettings(),  # pyright: ignore[reportCallIssue]
        artifact=SimpleNamespace(inputs={"x": np.zeros((1, 2))}),
    )
    app = create_app(service)  # type: ignore[arg-type]
    routes = {route.path for route in app.routes if isinstance(route, APIRoute)}
    container = server(declare())

    asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "readiness", "liveness")}

    assert {action["path"] for action in asked.values()} <= routes
    assert {action["port"] for action in asked.values()} == {"http"}
    assert asked["liveness"]["path"] == "/health/live"
    assert asked["readiness"]["path"] == "/health/ready"


def test_the_kubelet_waits_for_the_drain(declare: Declare):
    objects = declare(drainDelaySeconds="10", drainTimeoutSeconds="30", terminationGracePeriodSeconds="50")

    assert pod(objects)["terminationGracePeriodSeconds"] == 50


def test_an_update_replaces_a_pod_only_after_another_is_ready(declare: Declare):
    spec = declare()["Deployment"]["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert declare()["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


def test_the_deployment_does_not_set_the_number_of_pods(declare: Declare):
    assert "replicas" not in declare()["Deployment"]["spec"]


def test_the_network_policy_allows_predictions_scrapes_and_no_egress(declare: Declare):
    policy = declare()["NetworkPolicy"]["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy
    assert policy["ingress"] == [
        {"ports": [{"port": "http"}]},
        {"ports": [{"port": "metrics"}], "from": [{"namespaceSelector": {}}]},
    ]


def test_the_cluster_chooses_the_node_port_unless_it_is_set(declare: Declare):
    assert "nodePort" not in declare(serviceType="NodePort")["Service"]["spec"]["ports"][0]
    fixed = declare(serviceType="NodePort", nodePort="30081")["Service"]["spec"]["ports"][0]
    assert fixed["nodePort"] == 30081


def test_another_model_gets_the_same_address(declare: Declare, models: Path):
    write_artifact(models, "other", VERSION)

    first, other = declare(), declare(model="other", modelVersion=VERSION)

    assert first["Deployment"]["metadata"]["name"] != other["Deployment"]["metadata"]["name"]
    assert first["Service"]["metadata"]["name"] == other["Service"]["metadata"]["name"]
    assert other["Service"]["spec"]["selector"]["app.kubernetes.io/name"] == "other"


def test_the_service_is_declared_after_the_pods_are_ready(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
):
    registered: list[str] = []
    new_resource = Recorder.new_resource

    def in_order(self: Recorder, args: Any) -> Any:
        registered.append(args.name)
        return new_resource(self, args)

    monkeypatch.setattr(Recorder, "new_resource", in_order)
    program()

    assert registered.index("model-service") > registered.index("model-deployment")


def test_the_pods_run_the_image_by_the_reference_from_the_build(
    stack_of: Callable[..., Any],
):
    objects = by_kind(
        program_module.run(stack_of(), build_image=lambda inputs: f"{inputs['tags'][0]}@sha256:1")
    )

    assert server(objects)["image"].endswith("/tiny:0123456789ab-onnx@sha256:1")


@pytest.mark.parametrize(
    ("config", "status", "url"),
    [
        ({"serviceType": "ClusterIP"}, {}, "http://model.slipway-prod.svc"),
        ({"serviceType": "NodePort", "nodePort": "30081"}, {}, "http://<node>:30081"),
        (
            {"serviceType": "NodePort", "nodePort": "30081", "cluster": "local"},
            {},
            "http://127.0.0.1:30081",
        ),
        ({}, {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}, "http://203.0.113.7"),
        (
            {},
            {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}},
            "http://lb.example.com",
        ),
        ({}, {"loadBalancer": {}}, "pending"),
        ({}, {}, "pending"),
    ],
)
def test_the_url_is_the_address_of_the_service(
    program: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, str],
    status: dict[str, Any],
    url: str,
):
    new_resource = Recorder.new_resource

    def with_status(self: Recorder, args: Any) -> Any:
        name, state = new_resource(self, args)
        return name, {**state, "status": status} if args.typ.endswith(":Service") else state

    monkeypatch.setattr(Recorder, "new_resource", with_status)

    assert program(**config).outputs["url"] == url


def test_two_services_of_one_program_do_not_collide(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
):
    original = ModelService.__init__

    def twice(self: Any, name: str, *args: Any) -> None:
        original(self, name, *args)
        if name == "model":
            ModelService("canary", *args)

    monkeypatch.setattr(ModelService, "__init__", twice)

    named = [(resource.type, resource.name) for resource in program().resources]

    assert ("slipway:infra:ModelService", "canary") in named
    assert len(set(named)) == len(named)
