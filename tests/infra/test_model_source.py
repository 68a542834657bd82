"""A model that pods mount, beside one that is in the image."""

import json
from typing import Any

import pytest

from app.settings import PREFIX
from app.settings import Settings as ServerSettings
from infra.model_volume import VERSION as VARIABLE
from ops.program import IMAGE
from tests.conftest import VERSION, StackOf
from tests.infra.conftest import Declare, one_of
from tests.infra.schema import misfit
from tests.parsing import problems

DIGEST = f"sha256:{'ab' * 32}"
CLAIM = {"type": "pvc", "claim": "models"}
IMAGE_VOLUME = {"type": "oci", "image": f"ghcr.io/acme/cats@{DIGEST}"}


def pod(declare: Declare, **source: Any) -> dict[str, Any]:
    objects = declare(modelSource=json.dumps(source))
    for manifest in objects.values():
        assert misfit(manifest) is None
    return objects["Deployment"]["spec"]["template"]["spec"]


def test_a_model_in_the_image_needs_no_volume(declare: Declare):
    spec = pod(declare, type="image")

    assert "volumes" not in spec
    assert "env" not in spec["containers"][0]


def test_a_claim_is_mounted_at_the_models_path_in_the_layout_of_the_export(declare: Declare):
    spec = pod(declare, **CLAIM)

    assert spec["volumes"] == [
        {"name": "model", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}
    ]
    assert spec["containers"][0]["volumeMounts"] == [
        {"name": "model", "mountPath": "/model", "subPath": f"tiny/{VERSION}", "readOnly": True}
    ]


def test_an_image_is_mounted_at_the_models_path(declare: Declare):
    spec = pod(declare, **IMAGE_VOLUME)

    assert spec["volumes"] == [{"name": "model", "image": {"reference": IMAGE_VOLUME["image"]}}]
    assert spec["containers"][0]["volumeMounts"] == [
        {"name": "model", "mountPath": "/model", "readOnly": True}
    ]


@pytest.mark.parametrize("source", [CLAIM, IMAGE_VOLUME], ids=str)
def test_the_artifact_may_be_in_another_folder(declare: Declare, source: dict[str, Any]):
    (mounted,) = pod(declare, **source, path="cats/v1")["containers"][0]["volumeMounts"]

    assert mounted["subPath"] == "cats/v1"


@pytest.mark.parametrize("source", [CLAIM, IMAGE_VOLUME], ids=str)
def test_the_server_is_told_which_version_the_model_must_have(declare: Declare, source: dict[str, Any]):
    assert pod(declare, **source)["containers"][0]["env"] == [{"name": VARIABLE, "value": VERSION}]
    assert f"{PREFIX}MODEL_VERSION" == VARIABLE
    assert "model_version" in ServerSettings.model_fields


def test_variables_and_volumes_of_the_pod_are_kept_beside_the_model(declare: Declare):
    added = {"environment": {"A": "b"}, "volumes": [{"name": "c", "mountPath": "/c", "configMap": "c"}]}
    objects = declare(modelSource=json.dumps(CLAIM), pod=json.dumps(added))
    spec = objects["Deployment"]["spec"]["template"]["spec"]

    assert [item["name"] for item in spec["volumes"]] == ["model", "c"]
    assert [item["name"] for item in spec["containers"][0]["env"]] == [VARIABLE, "A"]
    assert [item["name"] for item in spec["containers"][0]["volumeMounts"]] == ["model", "c"]


def test_the_image_is_then_built_without_the_model_and_has_another_tag(program: Any):
    with_model = one_of(program(), IMAGE)
    without = one_of(program(modelSource=json.dumps(CLAIM)), IMAGE)

    assert "target" not in with_model
    assert without["target"] == "server"
    assert without["tags"] == [f"{with_model['tags'][0]}-server"]


@pytest.mark.parametrize(
    ("source", "path", "problem"),
    [
        ({"type": "disk"}, "type", "'disk': input should be 'image', 'pvc' or 'oci'"),
        ({"type": "pvc"}, "claim", "must be set, for type is pvc"),
        ({"type": "oci"}, "image", "must be set, for type is oci"),
        ({"claim": "models"}, "claim", "'models': empty, unless type is pvc"),
        ({"type": "oci", "image": "a/b:1"}, "image", "'a/b:1': HOST/PATH/NAME@sha256:DIGEST"),
        ({"path": "a"}, "path", "'a': a relative path, with type pvc or oci"),
        ({**CLAIM, "path": "/a"}, "path", "'/a': a relative path"),
        ({**CLAIM, "path": "a/../../b"}, "path", "'a/../../b': a relative path"),
    ],
    ids=str,
)
def test_a_source_that_is_not_complete_is_refused(
    stack_of: StackOf, source: dict[str, Any], path: str, problem: str
):
    ((found, text),) = problems(stack_of(modelSource=json.dumps(source)))

    assert found == f"slipway:modelSource.{path}"
    assert text.startswith(problem)
