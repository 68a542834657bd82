"""The list `slipway:models`: what a model may have of its own, and what is wrong with a list."""

import json
from typing import Any

import pytest

from infra.settings import declared
from infra.settings.models import PER_MODEL
from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, EXISTING, Several
from tests.parsing import parse_all, problems


def wrong(stack_of: StackOf, models: Any, **config: str | None) -> list[tuple[str, str]]:
    return problems(stack_of(models=json.dumps(models), **{"model": None, **config}))


def test_a_model_has_its_own_settings_and_the_stacks_others(stack_of: StackOf, several: Several):
    items = several({"model": "cats", "batchSize": 4, "cpuLimit": 2, "sloAvailability": 99.5}, "dogs")

    cats, dogs = parse_all(stack_of(**items, batchSize="16", minReplicas="3"))

    assert (cats.model, cats.batch_size, cats.cpu_limit, cats.slo_availability) == ("cats", 4, "2", 99.5)
    assert (dogs.model, dogs.batch_size, dogs.cpu_limit, dogs.slo_availability) == ("dogs", 16, "500m", 99.9)
    assert cats.min_replicas == dogs.min_replicas == 3


def test_a_setting_within_a_group_is_merged_with_those_of_the_stack(stack_of: StackOf, several: Several):
    pod = {"nodeSelector": {"disk": "ssd"}, "priorityClass": "low"}
    items = several({"model": "cats", "pod": {"nodeSelector": {"zone": "a"}}}, "dogs")

    cats, dogs = parse_all(stack_of(**items, pod=json.dumps(pod)))

    assert cats.pod.node_selector == {"disk": "ssd", "zone": "a"}
    assert cats.pod.priority_class == "low"
    assert dogs.pod.node_selector == {"disk": "ssd"}


def test_every_setting_of_a_model_is_a_setting_of_a_stack():
    assert {*PER_MODEL} <= declared().keys()
    assert not {"cluster", "namespace", "monitoring", "registry", "device", "models"} & {*PER_MODEL}


def test_all_problems_of_all_models_are_reported_at_once_by_their_paths(stack_of: StackOf):
    models = [
        {"model": "cats", "batchSize": 0, "namespace": "mine"},
        {"model": "dogs", "batchsize": 4, "minReplicas": 20, "pod": {"nodeSelectr": {}}},
        {"batchSize": 8},
    ]

    assert wrong(stack_of, models, logLevel="loud") == [
        ("slipway:models[0].namespace", "is the same for every model: set slipway:namespace"),
        ("slipway:models[1].batchsize", "unknown; did you mean batchSize?"),
        ("slipway:models[2].model", "must be set"),
        ("slipway:models[0].batchSize", "'0': input should be greater than or equal to 1"),
        ("logLevel", "'loud': input should be 'debug', 'info', 'warning' or 'error'"),
        ("slipway:models[1].maxReplicas", "'10': at least minReplicas, 20"),
        ("slipway:models[1].pod.nodeSelectr", "unknown; did you mean nodeSelector?"),
    ]


@pytest.mark.parametrize(
    ("models", "config", "path", "said"),
    [
        ([{"model": "cats"}, {"model": "cats"}], {}, "models[1].model", "'cats': another model than that of"),
        (
            [{"model": "cats-metrics"}, {"model": "cats"}],
            {},
            "models[1].model",
            "'cats': another name, for an object of slipway:models[0] has it",
        ),
        (
            [{"model": "cats"}, {"model": "keda-hpa-cats"}],
            {},
            "models[1].model",
            "'keda-hpa-cats': another name, for an object of slipway:models[0] has it",
        ),
        ([{"model": "c" * 56}], {}, "models[0].model", f"'{'c' * 56}': at most 55 characters"),
        (
            [{"model": "cats"}, {"model": "dogs"}],
            {"exposure": '{"type": "NodePort", "nodePort": 30080}'},
            "models[1].exposure.nodePort",
            "'30080': another port than that of slipway:models[0]",
        ),
        (
            [{"model": name, "exposure": {"nodePort": 30081}} for name in ("cats", "dogs")],
            {"exposure": '{"type": "NodePort"}'},
            "models[1].exposure.nodePort",
            "'30081': another port than that of slipway:models[0]",
        ),
        (
            [
                {"model": "cats", "exposure": {"path": "/cats"}},
                {"model": "dogs", "exposure": {"path": "/cats"}},
            ],
            {"exposure": '{"type": "Ingress", "hosts": ["models.example.com"]}'},
            "models[1].exposure.path",
            "'/cats': another path or other hosts than slipway:models[0] has",
        ),
        ([{"model": "Cats"}], {}, "models[0].model", "'Cats': string should match pattern"),
        (["cats"], {}, "models[0]", "'cats': an object"),
    ],
)
def test_a_problem_of_the_list_names_the_model_and_what_is_allowed(
    stack_of: StackOf, models: list[Any], config: dict[str, str], path: str, said: str
):
    ((found, problem),) = wrong(stack_of, models, **config)

    assert found == f"slipway:{path}"
    assert problem.startswith(said)


def test_a_problem_of_the_stack_that_every_model_has_is_reported_once(stack_of: StackOf):
    found = wrong(stack_of, [{"model": "cats"}, {"model": "dogs"}], minReplicas="20", cluster="moon")

    assert [key for key, _ in found] == ["cluster", "maxReplicas"]


def test_a_setting_that_every_model_sets_itself_need_not_fit_the_stack(stack_of: StackOf, several: Several):
    follows = {"autoscalingSignal": "queue-depth", "autoscalingBackend": "keda", **EXISTING}
    items = several(*({"model": name, "autoscalingTarget": 4} for name in ("cats", "dogs")))

    assert problems(stack_of(**follows, **items)) == []


def test_the_model_of_the_stack_is_not_set_beside_a_list(stack_of: StackOf):
    ((key, said),) = wrong(stack_of, [{"model": "cats"}], model="dogs")

    assert (key, said) == ("model", "'dogs': empty, for slipway:models names the models")


@pytest.mark.parametrize("models", ["cats", '{"model": "cats"}'])
def test_something_else_than_a_list_is_refused(stack_of: StackOf, models: str):
    ((key, said),) = problems(stack_of(models=models))

    assert key == "models"
    assert said.endswith("a list")


def test_gpus_of_all_models_together_need_nodes(stack_of: StackOf):
    pool = {
        **CLOUD_CONFIG["gke"],
        "device": "gpu",
        "memoryLimit": "4Gi",
        "gpuMaxNodes": "3",
        "minReplicas": "2",
    }
    models = [{"model": name, "maxReplicas": 2} for name in ("cats", "dogs")]

    ((key, said),) = wrong(stack_of, models, **pool, maxReplicas="2")

    assert key == "gpuMaxNodes"
    assert said.startswith(
        "'3': at least 4, the sum of maxReplicas of all models: each pod takes a GPU of its own"
    )
    assert wrong(stack_of, models, **{**pool, "gpuMaxNodes": "4"}, maxReplicas="2") == []
