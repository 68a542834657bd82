"""The values of Helm releases fit the types of this project and the charts themselves.

`SLIPWAY_CHARTS` names a folder of charts, each under its name and in the version that is pinned, as
`helm pull CHART --repo REPOSITORY --version VERSION --untar --untardir FOLDER` leaves them.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints, is_typeddict

import jsonschema
import pytest
import yaml

from infra.charts import KedaValues, KubePrometheusStackValues, PrometheusAdapterValues
from ops.helm import Release
from ops.program import Run
from tests.infra.conftest import CLOUD_CONFIG, GPU, INSTALL, QUEUE_DEPTH
from tests.infra.helm import merged

KEDA = {"autoscalingBackend": "keda", **QUEUE_DEPTH}
ADAPTER = {"autoscalingBackend": "prometheus-adapter", **QUEUE_DEPTH}
TYPES: dict[str, type | None] = {
    "kube-prometheus-stack": KubePrometheusStackValues,
    "prometheus-adapter": PrometheusAdapterValues,
    "keda": KedaValues,
}
HANDED_ON = "securityContext"
"""Values that charts pass on to Kubernetes unchanged. A chart documents only some of their keys."""

CHARTS = os.environ.get("SLIPWAY_CHARTS")

Key = tuple[str, ...]
"""The keys on the way to a value."""


def written(kind: type | None) -> Iterator[Key]:
    """Return the keys that a type declares."""
    for name, hint in get_type_hints(kind).items() if kind else ():
        yield from ((name, *rest) for rest in written(hint)) if is_typeddict(hint) else [(name,)]


def given(values: Mapping[str, Any]) -> Iterator[Key]:
    """Return the keys that are set."""
    for name, value in values.items():
        yield from ((name, *rest) for rest in given(value)) if isinstance(value, dict) else [(name,)]


def known(defaults: Any, key: Key) -> bool:
    """Return whether a chart's values have a key. Below an empty value every key is accepted."""
    for name in key:
        if defaults in ({}, None):
            return True
        if not isinstance(defaults, dict) or name not in defaults:
            return False
        if name == HANDED_ON:
            return True
        defaults = defaults[name]
    return True


def with_parts(chart: Path) -> dict[str, Any]:
    """Return the defaults of a chart, with those of the charts within it under their names."""
    defaults: dict[str, Any] = yaml.safe_load((chart / "values.yaml").read_text())
    for values in chart.glob("charts/*/values.yaml"):
        name = values.parent.name
        defaults[name] = merged(yaml.safe_load(values.read_text()) or {}, defaults.get(name) or {})
    return defaults


@pytest.fixture
def monitoring(program: Callable[..., Run]) -> list[Release]:
    return [
        release
        for config in (KEDA, ADAPTER)
        for release in program(**INSTALL, **config, prometheusStorage="50Gi").releases()
    ]


def test_every_value_is_documented_in_the_charts_schema(monitoring: list[Release]):
    assert {release.name for release in monitoring} == {*TYPES}
    for release in monitoring:
        assert {*given(release.values)} <= {*written(TYPES[release.name])}, release.name


def test_an_undocumented_value_is_an_error(monitoring: list[Release]):
    stack = next(release for release in monitoring if release.name == "kube-prometheus-stack")
    stack.values["grafana"]["sidecar"]["dashboard"] = {"label": "misspelt"}

    unknown = {*given(stack.values)} - {*written(KubePrometheusStackValues)}

    assert unknown == {("grafana", "sidecar", "dashboard", "label")}


def test_a_value_that_a_chart_does_not_know_is_an_error():
    defaults = {"admin": {"existingSecret": ""}, "nodeSelector": {}, "name": None}

    assert known(defaults, ("admin", "existingSecret"))
    assert known(defaults, ("nodeSelector", "gpu"))
    assert not known(defaults, ("admin", "existingSecrets"))
    assert not known(defaults, ("admins",))


@pytest.mark.usefixtures("clouds")
@pytest.mark.skipif(CHARTS is None, reason="the charts are not at hand: SLIPWAY_CHARTS names their folder")
def test_the_charts_know_every_value_in_the_version_that_is_pinned(
    program: Callable[..., Run], monitoring: list[Release]
):
    folder = Path(str(CHARTS))
    releases = list(monitoring)
    for cloud in CLOUD_CONFIG.values():
        releases += program(**INSTALL, **cloud, **GPU).releases()
    names = {release.chart for release in releases}
    assert {*TYPES, "dcgm-exporter", "nvidia-device-plugin", "cluster-autoscaler"} == names

    for release in releases:
        chart = yaml.safe_load((folder / release.chart / "Chart.yaml").read_text())
        assert (chart["name"], chart["version"]) == (release.chart, release.version)
        defaults = with_parts(folder / release.chart)
        keys = {*given(release.values), *written(TYPES.get(release.chart))}
        assert [key for key in keys if not known(defaults, key)] == [], release.chart
        schema = folder / release.chart / "values.schema.json"
        if schema.exists():
            jsonschema.validate(release.values, json.loads(schema.read_text()))
