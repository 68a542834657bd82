"""Several models in one stack: each has its own objects, and what a stack has once stays once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest

from infra.models import aliases
from infra.settings import ONLY_MODEL
from ops.errors import OperationError
from ops.program import IMAGE, Run
from ops.stack import Stack
from tests.conftest import VERSION, StackOf
from tests.infra.conftest import CLOUD_CONFIG, EXISTING, GPU, INSTALL, QUEUE_DEPTH, Several, one_of
from tests.infra.declarations import Declaration, declarations
from tests.infra.pruning import left_behind
from tests.parsing import parse_all

CLUSTER_IP = '{"type": "ClusterIP"}'

NAMES = ("cats", "cats-b", "model", "cluster", "monitoring", "a")
"""Names of models: some that begin like another, or that the program itself uses."""


@pytest.mark.parametrize("config", [{}, {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "keda"}])
def test_no_two_objects_of_a_stack_have_the_same_kind_and_name(
    program: Callable[..., Run], several: Several, config: dict[str, str]
):
    declared = program(**several(*NAMES), **config)

    objects = Counter(
        (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])
        for item in declared.objects()
    )
    resources = Counter((resource.type, resource.name) for resource in declared.resources)
    assert {*objects.values()} == {*resources.values()} == {1}


def test_each_model_has_every_object_that_a_single_one_has(program: Callable[..., Run], several: Several):
    config = {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "keda"}
    alone = Counter(item["kind"] for item in program(**config).objects())

    both = Counter(item["kind"] for item in program(**config, **several("cats", "dogs")).objects())

    assert both == {kind: count if kind == "Namespace" else 2 * count for kind, count in alone.items()}


def test_a_service_has_the_name_of_its_model_and_selects_its_pods(
    program: Callable[..., Run], several: Several
):
    objects = program(**several("cats", "dogs")).objects()

    selected = {
        item["metadata"]["name"]: item["spec"]["selector"] for item in objects if item["kind"] == "Service"
    }

    assert selected == {
        name: {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "prod"}
        for name in ("cats", "dogs")
    }


def test_a_setting_of_a_model_is_in_place_of_the_stacks(program: Callable[..., Run], several: Several):
    items = several({"model": "cats", "batchSize": 4, "maxReplicas": "7"}, "dogs")

    objects = program(**items, batchSize="16", maxReplicas="5").objects()

    def of(kind: str) -> dict[str, dict[str, Any]]:
        return {
            item["metadata"]["labels"]["app.kubernetes.io/name"]: item
            for item in objects
            if item["kind"] == kind
        }

    batches = {name: item["data"]["SLIPWAY_BATCH_SIZE"] for name, item in of("ConfigMap").items()}
    most = {name: item["spec"]["maxReplicas"] for name, item in of("HorizontalPodAutoscaler").items()}
    assert batches == {"cats": "4", "dogs": "16"}
    assert most == {"cats": 7, "dogs": 5}


def test_each_model_has_an_image_of_its_own(program: Callable[..., Run], several: Several):
    declared = program(**several("cats", "dogs"))

    images = [resource.inputs for resource in declared.resources if resource.type == IMAGE]

    assert [image["tags"] for image in images] == [
        [f"docker.io/acme/{name}:{VERSION}-onnx"] for name in ("cats", "dogs")
    ]
    assert len({image["context"]["named"]["model"]["location"] for image in images}) == 2


def test_an_empty_list_declares_what_a_stack_without_a_list_declares(stack_of: StackOf):
    config = {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "keda"}

    assert declarations(stack_of(**config, models="[]")) == declarations(stack_of(**config, models=None))


def own(declared: list[Declaration], model: str) -> list[Declaration]:
    return [item for item in declared if item.name == model or item.name.startswith(f"{model}-")]


@pytest.mark.parametrize("left", ["cats", "dogs"])
def test_removing_a_model_leaves_everything_of_the_other_as_it_is(
    stack_of: StackOf, several: Several, left: str
):
    config = {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "keda"}
    before = declarations(stack_of(**config, **several("cats", "dogs")))
    after = declarations(stack_of(**config, **several(left)))

    gone = [item for item in before if item not in after]

    assert len(own(after, left)) >= 12
    assert own(after, left) == own(before, left)
    assert {item.name for item in gone} == {
        item.name for item in own(before, ({"cats", "dogs"} - {left}).pop())
    }


def test_everything_of_a_removed_model_can_be_pruned(stack_of: StackOf, several: Several):
    config = {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "keda"}

    assert not left_behind(item.inputs for item in declarations(stack_of(**config, **several("a", "b"))))


def test_the_outputs_name_each_model(program: Callable[..., Run], several: Several):
    outputs = program(**several("cats", "dogs"), exposure=CLUSTER_IP).outputs

    assert outputs == {
        "urls": {name: f"http://{name}.slipway-prod.svc" for name in ("cats", "dogs")},
        "images": {name: f"docker.io/acme/{name}:{VERSION}-onnx" for name in ("cats", "dogs")},
        "modelVersions": dict.fromkeys(("cats", "dogs"), VERSION),
        "namespace": "slipway-prod",
    }


def test_a_list_of_one_has_the_outputs_of_a_list(program: Callable[..., Run], several: Several):
    outputs = program(**several("cats"), exposure=CLUSTER_IP).outputs

    assert outputs["urls"] == {"cats": "http://cats.slipway-prod.svc"}
    assert "url" not in outputs


def test_every_model_without_an_artifact_is_reported_at_once(
    program: Callable[..., Run], several: Several, models: Path
):
    config = several("cats", "dogs", "tiny")
    for name in ("cats", "dogs"):
        (models / name / VERSION / "signature.json").unlink()

    with pytest.raises(OperationError) as raised:
        program(**config)

    lines = str(raised.value).splitlines()
    assert [line.partition("no such version of ")[2].split()[0] for line in lines] == ["cats", "dogs"]


def test_the_monitoring_stack_is_installed_once_for_what_any_model_needs(
    program: Callable[..., Run], several: Several
):
    follows_queue = {**QUEUE_DEPTH, "autoscalingBackend": "prometheus-adapter"}
    items = several(
        {"model": "cats", **follows_queue, "sloWindowDays": 60},
        {"model": "dogs", **follows_queue},
        {"model": "mice", "autoscalingBackend": "keda"},
    )

    releases = {release.chart: release for release in program(**INSTALL, **items).releases()}

    rules = releases["prometheus-adapter"].values["rules"]["external"]
    assert [rule["name"]["as"] for rule in rules] == [
        f"slipway_slipway_prod.{name}_queue_depth" for name in ("cats", "dogs")
    ]
    assert "keda" in releases
    retention = releases["kube-prometheus-stack"].values["prometheus"]["prometheusSpec"]["retention"]
    assert retention == "60d"


@pytest.mark.usefixtures("clouds")
def test_a_cluster_and_its_gpu_nodes_are_created_once(program: Callable[..., Run], several: Several):
    one_gpu = {**GPU, "minReplicas": "1", "maxReplicas": "1"}
    made = program(**CLOUD_CONFIG["gke"], **one_gpu, **several("cats", "dogs"))
    found = program(**CLOUD_CONFIG["gke"], **one_gpu, **several("cats", "dogs"), clusterName="theirs")

    one_of(made, "gcp:container/cluster:Cluster")
    one_of(made, "kubernetes:core/v1:Namespace")
    one_of(found, "gcp:container/nodePool:NodePool")


def former_names(stack: Stack) -> dict[str, list[str]]:
    """Return the names that the components of each model are aliases for, by their own name."""
    models = parse_all(stack)
    return {
        model.service: [str(cast(pulumi.Alias, alias).name) for alias in aliases(models, model)]
        for model in models
    }


def test_the_engine_keeps_the_objects_of_the_first_model_into_a_list_and_out_of_it(
    stack_of: StackOf, several: Several
):
    config = {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "keda"}
    only, listed = stack_of(**config), stack_of(**config, **several("tiny", "dogs"))

    assert former_names(only) == {ONLY_MODEL: ["tiny"]}
    assert former_names(listed) == {"tiny": [ONLY_MODEL], "dogs": []}
    # The engine renames a component's children with it if their names start with the component's:
    # https://www.pulumi.com/docs/iac/concepts/options/aliases
    before = {(item.type, item.name) for item in own(declarations(only), ONLY_MODEL)}
    after = {
        (item.type, item.name.replace("tiny", ONLY_MODEL, 1)) for item in own(declarations(listed), "tiny")
    }
    assert after == before
    assert len(after) >= 12


def test_the_adapter_rules_of_an_existing_cluster_are_an_output(
    program: Callable[..., Run], several: Several
):
    config = {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "prometheus-adapter"}

    outputs = program(**config, **several("cats", "dogs")).outputs

    assert len(outputs["prometheusAdapterRules"]) == 2
    assert "prometheusAdapterRule" not in outputs
