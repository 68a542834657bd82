"""With the setting `mirror`, nothing is taken from another registry."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.mirror import IMAGES, merged
from ops.helm import Release
from ops.program import IMAGE, RELEASE, Run
from ops.stack import PROJECT
from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, GPU, INSTALL, QUEUE_DEPTH, one_of
from tests.infra.helm import rendered
from tests.parsing import problems

pytestmark = pytest.mark.usefixtures("clouds")

MIRROR = "mirror.example.com:5000/all"
CHARTS = os.environ.get("SLIPWAY_CHARTS")

STACKS: dict[str, dict[str, Any]] = {
    "KEDA": {**INSTALL, **QUEUE_DEPTH, "autoscalingBackend": "keda"},
    "the adapter": {**INSTALL, **QUEUE_DEPTH, "autoscalingBackend": "prometheus-adapter"},
    **{f"GPUs of {name}": {**INSTALL, **cloud, **GPU} for name, cloud in CLOUD_CONFIG.items()},
}
"""Stacks that together install every chart."""


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def images_of(value: Any) -> Iterator[str]:
    """Yield every image that an object names, in containers and in the objects of an operator."""
    if isinstance(value, dict):
        if isinstance(value.get("image"), str):
            yield value["image"]
        for item in value.values():
            yield from images_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from images_of(item)


@pytest.fixture
def mirrored(program: Callable[..., Run]) -> Callable[..., Run]:
    return lambda name: program(**STACKS[name], mirror=MIRROR)


@pytest.mark.parametrize("name", STACKS)
def test_every_chart_and_its_images_come_from_the_mirror(mirrored: Callable[..., Run], name: str):
    releases = [resource.inputs for resource in mirrored(name).resources if resource.type == RELEASE]

    assert releases
    for inputs in releases:
        chart = inputs["chart"].removeprefix(f"oci://{MIRROR}/charts/")
        assert "repositoryOpts" not in inputs
        value = inputs["values"]
        keys, path = IMAGES[chart]
        for key in keys:
            value = value[key]
        assert value == f"{MIRROR}{path}"
        # No host of a registry or of a repository of charts.
        outside = [
            text for text in texts(inputs) if re.search(r"(docker|ghcr|quay|nvcr|k8s|github)\.io", text)
        ]
        assert outside == []


def test_every_chart_that_is_ever_installed_is_known(program: Callable[..., Run]):
    installed = {release.chart for config in STACKS.values() for release in program(**config).releases()}

    assert installed == {*IMAGES}
    assert "cluster-autoscaler" in installed


def test_other_values_of_a_chart_are_kept(program: Callable[..., Run], mirrored: Callable[..., Run]):
    before = {release.name: release.values for release in program(**STACKS["KEDA"]).releases()}

    for release in mirrored("KEDA").releases():
        assert {**release.values, **before[release.name]} == release.values


def test_objects_in_both_values_are_merged():
    assert merged({"a": {"b": 1}, "c": 2}, {"a": {"d": 3}, "e": {"f": 4}}) == {
        "a": {"b": 1, "d": 3},
        "c": 2,
        "e": {"f": 4},
    }


def test_the_base_images_of_the_dockerfile_come_from_the_mirror(program: Callable[..., Run]):
    arguments = one_of(program(mirror=MIRROR), IMAGE)["buildArgs"]
    dockerfile = (PROJECT / "app/Dockerfile").read_text()
    bases = re.findall(r"^ARG (?:BUILD|RUNTIME)_IMAGE=(.+)$", dockerfile, re.MULTILINE)

    assert arguments["BASE_IMAGES"] == f"{MIRROR}/library/"
    assert len(bases) == 2
    assert all(base.startswith("${BASE_IMAGES}python:") for base in bases)


def test_without_a_mirror_nothing_is_moved(program: Callable[..., Run]):
    declared = program(**STACKS["KEDA"])

    assert "BASE_IMAGES" not in one_of(declared, IMAGE)["buildArgs"]
    assert all(release.repository for release in declared.releases())


def test_the_command_of_a_chart_in_the_mirror_names_no_repository(mirrored: Callable[..., Run]):
    for release in mirrored("KEDA").releases():
        command = release.command("values.yaml")
        assert f" oci://{MIRROR}/charts/{release.name} " in command
        assert "--repo" not in command


@pytest.mark.parametrize("mirror", ["https://mirror.example.com", "mirror.example.com/", "Mirror", "a b"])
def test_a_mirror_in_another_form_is_refused(stack_of: StackOf, mirror: str):
    ((key, text),) = problems(stack_of(mirror=mirror))

    assert key == "mirror"
    assert "HOST[:PORT][/PATH]" in text


@pytest.mark.skipif(CHARTS is None, reason="the charts are not at hand: SLIPWAY_CHARTS names their folder")
@pytest.mark.parametrize("name", STACKS)
def test_no_object_of_a_rendered_chart_names_an_image_from_elsewhere(
    mirrored: Callable[..., Run], tmp_path: Path, name: str
):
    releases: list[Release] = mirrored(name).releases()
    for release in releases:
        chart = Path(str(CHARTS), release.chart.rpartition("/")[2])
        manifests = [
            manifest
            for manifest in rendered(release, chart, tmp_path)
            if manifest["kind"] != "CustomResourceDefinition"
        ]
        images = [image for manifest in manifests for image in images_of(manifest)]
        assert images
        assert [image for image in images if not image.startswith(f"{MIRROR}/")] == [], release.name
        # Images may also be named in the arguments of an operator.
        elsewhere = re.compile(r"\b(?:docker|ghcr|quay|nvcr|registry\.k8s)\.io/")
        assert [text for text in texts(manifests) if elsewhere.search(text)] == [], release.name
