"""Which settings of clusters and GPU nodes fit together."""

import re

import pytest

from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, GPU
from tests.parsing import problems

GKE = CLOUD_CONFIG["gke"]
STACK = "acme/clusters/prod"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"clusterName": "x"}, "clusterName: 'x': empty, unless cluster is gke, eks or aks"),
        (CLOUD_CONFIG["aks"] | {"clusterName": "x"}, "clusterName: 'x': RESOURCE_GROUP/NAME, for cluster is"),
        (CLOUD_CONFIG["aks"] | {"clusterName": "a/b/c"}, "clusterName: 'a/b/c': RESOURCE_GROUP/NAME"),
        (
            {"cluster": "local", "clusterStack": STACK},
            "clusterStack: .*: empty, for cluster is local",
        ),
        (
            GKE | {"clusterStack": STACK},
            "clusterStack: .* a cluster that is created here is in no other stack",
        ),
        (GKE | {"kubeContext": "x"}, "kubeContext: 'x': empty, for the kubeconfig is that of"),
        (
            {"clusterStack": STACK, "kubeconfig": "x"},
            "kubeconfig: 'x': empty, for the kubeconfig is that",
        ),
        (
            {"cluster": "local", **GPU},
            "device: 'gpu': cpu, for cluster is local",
        ),
        ({**GPU, "gpuMachineType": "x"}, "gpuMachineType: 'x': empty, unless device is gpu and"),
        (GKE | {"gpuAccelerator": "x"}, "gpuAccelerator: 'x': empty, unless device is gpu and cluster is a"),
        (
            CLOUD_CONFIG["eks"] | {**GPU, "gpuAccelerator": "x"},
            "gpuAccelerator: 'x': empty, unless cluster is gke: elsewhere gpuMachineType brings its GPU",
        ),
        ({"gpuMinNodes": "3"}, "gpuMaxNodes: '2': at least gpuMinNodes, 3"),
        (
            {**GPU, "runtime": "savedmodel"},
            "runtime: 'savedmodel': onnx or torchscript, for",
        ),
        ({**GPU, "platform": "linux/arm64"}, "platform: 'linux/arm64': linux/amd64, for device is"),
    ],
)
def test_the_error_for_conflicting_settings_says_what_is_allowed(
    stack_of: StackOf, config: dict[str, str], problem: str
):
    ((key, said),) = problems(stack_of(**config))

    assert re.match(problem, f"{key}: {said}")
