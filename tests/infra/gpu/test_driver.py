"""The driver of the GPU nodes is new enough for the CUDA of every image."""

import re
from collections.abc import Callable

import pytest

from infra.runtimes import RUNTIMES
from ops.program import Run
from ops.stack import PROJECT
from tests.infra.conftest import CLOUD_CONFIG, GPU, one_of

DRIVERS = {"12": "DEFAULT", "13": "LATEST"}
"""GKE's `gpuDriverVersion` by CUDA's major version. CUDA 12 runs on series 525, CUDA 13 on 580 or later:
https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html."""


def cuda(runtime: str) -> str:
    """Return the major version of CUDA in a runtime's locked dependencies."""
    locked = (PROJECT / "app" / "requirements" / f"{runtime}-gpu.txt").read_text(encoding="utf-8")
    found = re.search(r"^nvidia-cuda-runtime(?:-cu\d+)?==(\d+)\.", locked, re.MULTILINE)
    assert found, f"{runtime}: no CUDA is locked"
    return found[1]


@pytest.mark.parametrize("runtime", [name for name, row in RUNTIMES.items() if "gpu" in row.devices])
@pytest.mark.usefixtures("clouds")
def test_gke_installs_the_driver_that_the_cuda_of_the_image_needs(program: Callable[..., Run], runtime: str):
    declared = program(**CLOUD_CONFIG["gke"], clusterName="theirs", **GPU)

    pool = one_of(declared, "gcp:container/nodePool:NodePool")

    (accelerator,) = pool["nodeConfig"]["guestAccelerators"]
    driver = accelerator["gpuDriverInstallationConfig"]["gpuDriverVersion"]
    assert driver == DRIVERS[cuda(runtime)]
