"""What the charts render with this project's values is accepted by Kubernetes.

Helm merges the values with the chart's defaults, so the values alone do not show what is declared. The
defaults that count are recorded here, as they are in the pinned version. `SLIPWAY_CHARTS` names a folder of
the charts themselves, as in `test_charts.py`; with it and `helm`, whole charts are rendered and validated.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.helm import Release
from ops.program import Run
from tests.infra.conftest import CLOUD_CONFIG, GPU, INSTALL
from tests.infra.helm import containers, merged, refusals, rendered
from tests.infra.schema import misfit

CHARTS = os.environ.get("SLIPWAY_CHARTS")

DCGM_EXPORTER = "4.8.2"
SECURITY_CONTEXT = {
    "runAsNonRoot": False,
    "runAsUser": 0,
    "capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]},
    "allowPrivilegeEscalation": False,
}
"""The default of dcgm-exporter: https://github.com/NVIDIA/dcgm-exporter/blob/main/deployment/values.yaml."""

WITH_GPUS = {**INSTALL, **GPU}


@pytest.fixture
def releases_of(program: Callable[..., Run], clouds: Any) -> Callable[..., dict[str, Release]]:  # noqa: ARG001
    """Return a function that returns the releases of a stack by their charts."""
    return lambda **config: {release.chart: release for release in program(**config).releases()}


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
def test_the_security_context_of_the_gpu_exporter_is_valid_with_the_charts_defaults(
    releases_of: Callable[..., dict[str, Release]], cloud: str
):
    exporter = releases_of(**CLOUD_CONFIG[cloud], **WITH_GPUS)["dcgm-exporter"]
    assert exporter.version == DCGM_EXPORTER, "record the security context of the new version's values.yaml"

    context = merged(SECURITY_CONTEXT, exporter.values.get("securityContext", {}))

    assert refusals({"securityContext": context}) == []


def test_a_security_context_that_contradicts_itself_is_seen():
    context = merged(SECURITY_CONTEXT, {"privileged": True})

    assert refusals({"securityContext": context}) == ["allowPrivilegeEscalation is false, privileged is true"]


def test_values_are_merged_as_helm_merges_them():
    defaults = {"a": {"b": 1, "c": [1, 2]}, "d": 3, "e": {"f": 4}}

    assert merged(defaults, {"a": {"c": [5]}, "d": None, "e": 6}) == {"a": {"b": 1, "c": [5]}, "e": 6}


@pytest.mark.skipif(CHARTS is None, reason="the charts are not at hand: SLIPWAY_CHARTS names their folder")
@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
def test_what_the_charts_render_is_valid(
    releases_of: Callable[..., dict[str, Release]], tmp_path: Path, cloud: str
):
    folder = Path(str(CHARTS))
    for release in releases_of(**CLOUD_CONFIG[cloud], **WITH_GPUS).values():
        for manifest in rendered(release, folder / release.chart, tmp_path):
            assert misfit(manifest) is None, release.chart
            for container in containers(manifest):
                assert refusals(container) == [], (release.chart, container["name"])


@pytest.mark.skipif(CHARTS is None, reason="the charts are not at hand: SLIPWAY_CHARTS names their folder")
def test_the_recorded_defaults_are_those_of_the_chart():
    values = yaml.safe_load((Path(str(CHARTS)) / "dcgm-exporter" / "values.yaml").read_text())

    assert values["securityContext"] == SECURITY_CONTEXT
