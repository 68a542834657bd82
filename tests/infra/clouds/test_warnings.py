"""What is said about a found cluster that may lack something."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from ops.program import Run
from tests.infra.conftest import ANSWERS, CLOUD_CONFIG, GPU, INSTALL

Program = Callable[..., Run]
TOKEN = "gcp:container/getCluster:getCluster"
pytestmark = pytest.mark.usefixtures("clouds")


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the warnings of the next runs, but for those about the address of the model."""
    said: list[str] = []

    def warn(message: str, *_: object, **__: object) -> None:
        if "LoadBalancer" not in message:
            said.append(message)

    monkeypatch.setattr(pulumi.log, "warn", warn)
    return said


@pytest.mark.parametrize(("is_autopilot", "count"), [(True, 1), (False, 0)])
def test_monitoring_on_an_autopilot_cluster_draws_a_warning(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    warnings: list[str],
    is_autopilot: bool,
    count: int,
):
    monkeypatch.setitem(ANSWERS, TOKEN, {**ANSWERS[TOKEN], "enableAutopilot": is_autopilot})

    program(**CLOUD_CONFIG["gke"], **INSTALL, clusterName="theirs")

    assert len(warnings) == count
    assert all("theirs is an Autopilot cluster" in said for said in warnings)


def test_an_autopilot_cluster_without_monitoring_of_ours_draws_none(
    program: Program, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
):
    monkeypatch.setitem(ANSWERS, TOKEN, {**ANSWERS[TOKEN], "enableAutopilot": True})

    program(**CLOUD_CONFIG["gke"], clusterName="theirs")

    assert not warnings


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({"clusterName": "theirs"}, 1),
        ({"clusterName": "theirs", "gpuMinNodes": "2"}, 0),
        ({}, 0),
    ],
)
def test_gpu_nodes_of_a_found_eks_cluster_draw_a_word_about_its_autoscaler(
    program: Program, warnings: list[str], config: dict[str, Any], count: int
):
    program(**CLOUD_CONFIG["eks"], **GPU, **config)

    assert len(warnings) == count
    assert all("only by an autoscaler that it has already" in said for said in warnings)
