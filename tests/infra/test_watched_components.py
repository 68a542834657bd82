"""Which parts of the cluster an installed Prometheus watches, and how its kinds are updated."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.program import Run
from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, EXISTING, INSTALL, QUEUE_DEPTH
from tests.parsing import problems

CONTROL_PLANE = ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")
OFF, ON = {"enabled": False}, {"enabled": True}


@pytest.fixture
def values(program: Callable[..., Run], clouds: Any) -> Callable[..., dict[str, Any]]:  # noqa: ARG001
    """Return a function that returns the values of kube-prometheus-stack."""

    def declare(**config: Any) -> dict[str, Any]:
        (release,) = [
            release
            for release in program(**INSTALL, **config).releases()
            if release.chart == "kube-prometheus-stack"
        ]
        return release.values

    return declare


@pytest.mark.parametrize("config", [{}, *CLOUD_CONFIG.values()])
def test_no_alert_fires_for_a_control_plane_that_prometheus_does_not_reach(
    values: Callable[..., dict[str, Any]], config: dict[str, str]
):
    given = values(**config)

    assert [given[part] for part in CONTROL_PLANE] == [OFF] * 4


def test_the_control_plane_is_watched_on_request(values: Callable[..., dict[str, Any]]):
    given = values(monitorControlPlane="true")

    # The chart's default is to watch it.
    assert not {*CONTROL_PLANE} & {*given}


@pytest.mark.parametrize("cloud", ["", *CLOUD_CONFIG])
def test_the_names_server_that_the_cluster_has_is_watched(values: Callable[..., dict[str, Any]], cloud: str):
    given = values(**CLOUD_CONFIG.get(cloud, {}))

    # https://cloud.google.com/kubernetes-engine/docs/concepts/kube-dns: port 9153 is CoreDNS's alone.
    expected = (OFF, ON) if cloud == "gke" else (None, None)
    assert (given.get("coreDns"), given.get("kubeDns")) == expected


def test_an_upgrade_of_the_chart_updates_the_definitions_of_its_kinds(values: Callable[..., dict[str, Any]]):
    job = values()["crds"]["upgradeJob"]

    assert job["enabled"] is True
    assert job["image"]["busybox"]["tag"] != "latest"


def test_a_stack_that_is_destroyed_leaves_the_scaled_objects_of_others(program: Callable[..., Run]):
    declared = program(**INSTALL, **QUEUE_DEPTH, autoscalingBackend="keda")

    (keda,) = [release for release in declared.releases() if release.chart == "keda"]
    assert keda.values["crds"]["additionalAnnotations"] == {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CLOUD_CONFIG["gke"] | INSTALL, "'true': false, for cluster is gke, which hides the control plane"),
        (EXISTING, "'true': false, unless monitoring is install: an existing Prometheus has its own targets"),
    ],
)
def test_what_prometheus_cannot_watch_is_refused(stack_of: StackOf, config: dict[str, Any], said: str):
    assert problems(stack_of(**config, monitorControlPlane="true")) == [("monitorControlPlane", said)]


@pytest.mark.parametrize(
    ("key", "others"),
    [("prometheusUrl", {"monitoring": "existing"}), ("runbookUrl", EXISTING), ("otlpEndpoint", {})],
)
def test_an_address_with_a_password_is_refused_and_the_password_not_repeated(
    stack_of: StackOf, key: str, others: dict[str, str]
):
    found = problems(stack_of(**others | {key: "https://someone:hunter2@prometheus.example.com/x"}))

    ((refused, said),) = found
    assert refused == key
    assert said.startswith("'https://…@prometheus.example.com/x': an address without user and password")


def test_nor_is_a_password_repeated_in_an_address_that_is_wrong_otherwise(stack_of: StackOf):
    ((_, said),) = problems(stack_of(otlpEndpoint="ftp://someone:hunter2@collector"))

    assert "hunter2" not in said
