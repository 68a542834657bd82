"""The settings of pods with a GPU: memory, number and signal fit the nodes, or are refused."""

import pytest

from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, EXISTING, GPU, QUEUE_DEPTH
from tests.parsing import problems

BY_QUEUE = {**GPU, **EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "keda"}
CPU_SAYS_NOTHING = (
    "minReplicas, 2, for device is gpu and autoscalingSignal is cpu: a pod with a GPU uses little CPU "
    "whatever its load; or set autoscalingSignal to another signal"
)


def too_many(pods: int, nodes: int) -> str:
    return (
        f"'{pods}': at most gpuMaxNodes, {nodes}, for device is gpu: each pod takes a GPU of its own and "
        f"each node has one, so {pods} pods need {pods} nodes"
    )


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
def test_more_pods_than_gpus_are_refused_with_the_arithmetic(stack_of: StackOf, cloud: str):
    config = {**CLOUD_CONFIG[cloud], **BY_QUEUE, "gpuMaxNodes": "3"}

    assert problems(stack_of(**config | {"maxReplicas": "4"})) == [("maxReplicas", too_many(4, 3))]
    assert problems(stack_of(**config | {"maxReplicas": "3"})) == []


def test_the_defaults_of_a_stack_without_gpus_do_not_fit_one_with_gpus(stack_of: StackOf):
    found = problems(stack_of(**CLOUD_CONFIG["gke"], device="gpu"))

    assert found == [
        ("memoryLimit", "'512Mi': at least 2Gi, for device is gpu: CUDA's libraries take 1 to 2 GiB"),
        ("maxReplicas", too_many(10, 2)),
    ]


@pytest.mark.parametrize("config", [{}, {**CLOUD_CONFIG["eks"], "gpuMaxNodes": "9"}])
def test_a_number_of_pods_that_follows_cpu_is_refused(stack_of: StackOf, config: dict[str, str]):
    assert problems(stack_of(**config, **GPU | {"maxReplicas": "9"})) == [
        ("maxReplicas", f"'9': {CPU_SAYS_NOTHING}")
    ]
    assert problems(stack_of(**config, **GPU)) == []


@pytest.mark.parametrize(
    ("config", "is_refused"),
    [
        # The machine type decides how many GPUs a node has.
        ({**CLOUD_CONFIG["eks"], "gpuMachineType": "g6.12xlarge"}, False),
        ({**CLOUD_CONFIG["aks"], "gpuMachineType": "Standard_NC64as_T4_v3"}, False),
        ({**CLOUD_CONFIG["gke"], "gpuMachineType": "g2-standard-8"}, True),
        # The nodes are somebody else's.
        ({}, False),
    ],
)
def test_pods_are_counted_only_where_the_gpus_of_a_node_are_known(
    stack_of: StackOf, config: dict[str, str], is_refused: bool
):
    found = problems(stack_of(**config, **BY_QUEUE | {"maxReplicas": "8"}))

    assert found == ([("maxReplicas", too_many(8, 2))] if is_refused else [])
