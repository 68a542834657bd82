"""The labels by which an existing Prometheus selects what monitors a service."""

from collections.abc import Callable

import pytest

from ops.program import Run
from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, EXISTING, GPU, Declare
from tests.parsing import problems

SELECTED = {"monitoringLabels": "release=kps,team.example.com/name=vision"}
LABELS = {"release": "kps", "team.example.com/name": "vision"}


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PrometheusRule"])
def test_an_object_has_the_labels_that_a_prometheus_selects_beside_its_own(watch: Declare, kind: str):
    before = watch(**EXISTING)[kind]["metadata"]["labels"]

    after = watch(**EXISTING, **SELECTED)[kind]["metadata"]["labels"]

    assert after == {**before, **LABELS}


@pytest.mark.usefixtures("clouds")
@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
def test_so_has_the_service_monitor_of_the_gpus(program: Callable[..., Run], cloud: str):
    config = {**CLOUD_CONFIG[cloud], **EXISTING, **SELECTED, **GPU}

    releases = {release.chart: release for release in program(**config).releases()}

    assert releases["dcgm-exporter"].values["serviceMonitor"]["additionalLabels"] == LABELS


def test_the_services_that_it_selects_do_not_need_the_labels(watch: Declare):
    objects = watch(**EXISTING, **SELECTED)

    selected = objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    assert selected.items() <= objects["Service"]["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"monitoringLabels": "release=kps"}, "'release=kps': empty, for monitoring is none"),
        ({**EXISTING, "monitoringLabels": "release"}, "'release': labels in the form KEY=VALUE,KEY=VALUE"),
        ({**EXISTING, "monitoringLabels": "a=b,a=c"}, "'a=b,a=c': labels in the form"),
        ({**EXISTING, "monitoringLabels": "a=b,"}, "'a=b,': labels in the form"),
        (
            {**EXISTING, "monitoringLabels": "app.kubernetes.io/instance=kps"},
            "'app.kubernetes.io/instance=kps': labels without app.kubernetes.io/instance, by which",
        ),
    ],
)
def test_what_is_no_label_is_refused(stack_of: StackOf, config: dict[str, str], said: str):
    ((key, problem),) = problems(stack_of(**config))

    assert key == "monitoringLabels"
    assert problem.startswith(said)
