import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker_build
import pytest
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from infra.runtimes import RUNTIMES, Runtime
from ops.program import IMAGE, Run
from ops.stack import PROJECT
from tests.conftest import VERSION, write_artifact
from tests.infra.conftest import GPU

Declare = Callable[..., dict[str, Any]]


@pytest.fixture
def image(program: Callable[..., Run]) -> Declare:
    def declare(*args: Any, **config: Any) -> dict[str, Any]:
        (inputs,) = [
            resource.inputs for resource in program(*args, **config).resources if resource.type == IMAGE
        ]
        return inputs

    return declare


def test_the_folder_of_the_models_version_is_a_named_build_context(image: Declare, models: Path):
    context = image()["context"]

    assert context["location"] == "app"
    assert context["named"] == {"model": {"location": f"{models}/tiny/{VERSION}"}}
    assert (PROJECT / image()["dockerfile"]["location"]).exists()


def test_code_of_the_user_is_shown_with_its_hash_at_preview(
    image: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    artifact = write_artifact(tmp_path, "tiny", VERSION)
    content = json.loads((artifact / "signature.json").read_text())
    content["steps"] = {"files": {"hooks.py": "ab12", "requirements.txt": "cd34", "tokenizer.json": "ef56"}}
    (artifact / "signature.json").write_text(json.dumps(content))
    shown: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda line, *_, **__: shown.append(line))

    image(modelDirectory=str(tmp_path), modelVersion=VERSION)

    assert [line for line in shown if str(artifact) in line] == [
        f"{artifact}/steps/hooks.py is the user's own code, and runs in the pods: sha256 ab12",
        f"{artifact}/steps/requirements.txt is the user's own code, and runs in the pods: sha256 cd34",
    ]


def test_a_relative_model_directory_stays_relative(image: Declare, models: Path):
    relative = Path("build/tests") / models.name
    target = PROJECT / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(models)
    try:
        named = image(modelDirectory=str(relative))["context"]["named"]
    finally:
        target.unlink()

    assert named == {"model": {"location": f"{relative}/tiny/{VERSION}"}}


@pytest.mark.parametrize(
    ("config", "tag"),
    [
        ({}, f"{VERSION}-onnx"),
        ({"runtime": "torchscript"}, f"{VERSION}-torchscript"),
        ({"runtime": "torchscript", **GPU}, f"{VERSION}-torchscript-gpu"),
    ],
)
def test_a_tag_is_the_version_of_the_model_and_its_runtime(
    image: Declare, tmp_path: Path, config: dict[str, str], tag: str
):
    write_artifact(tmp_path, "tiny", VERSION, ("onnx", "torchscript"))
    declared = image(modelDirectory=str(tmp_path), modelVersion=VERSION, **config)

    assert declared["tags"] == [f"docker.io/acme/tiny:{tag}"]
    assert declared["buildArgs"]["VERSION"] == VERSION


def test_the_image_has_the_format_that_its_runtime_reads(
    image: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(RUNTIMES, "onnx", Runtime(format="torchscript", devices=("cpu",)))
    write_artifact(tmp_path, "tiny", VERSION, ("torchscript",))

    declared = image(modelDirectory=str(tmp_path), modelVersion=VERSION)["buildArgs"]

    assert (declared["RUNTIME"], declared["FORMAT"]) == ("onnx", "torchscript")


def test_the_image_is_pushed_once_and_is_reproducible(image: Declare):
    declared = image()

    assert declared["exports"] == [{"raw": "type=image,push=true,rewrite-timestamp=true"}]
    assert not declared["push"]
    assert declared["buildArgs"]["SOURCE_DATE_EPOCH"] == "0"


def test_a_preview_builds_nothing(image: Declare):
    assert image()["buildOnPreview"] is False


def test_every_build_argument_is_in_the_dockerfile(image: Declare):
    declared = image(buildImage="a/b:1", runtimeImage="c/d:2", mirror="m.example.com")["buildArgs"]
    dockerfile = (PROJECT / "app/Dockerfile").read_text().splitlines()
    names = {line.split()[1].partition("=")[0] for line in dockerfile if line.startswith("ARG ")}

    # https://docs.docker.com/build/building/variables/#buildkit-built-in-build-args
    assert set(declared) - {"SOURCE_DATE_EPOCH"} == names
    assert (declared["BUILD_IMAGE"], declared["RUNTIME_IMAGE"]) == ("a/b:1", "c/d:2")


def test_a_base_image_may_be_given_by_its_digest(image: Declare):
    digest = f"python:3.13-slim-trixie@sha256:{'ab' * 32}"

    assert image(buildImage=digest, runtimeImage=digest)["buildArgs"]["BUILD_IMAGE"] == digest


@pytest.mark.parametrize(("config", "device"), [({}, "cpu"), (GPU, "gpu")])
def test_the_runtime_is_the_one_for_the_device(image: Declare, config: dict[str, str], device: str):
    assert image(**config)["buildArgs"]["DEVICE"] == device


def test_the_base_images_of_the_dockerfile_are_used_unless_others_are_set(image: Declare):
    assert not {"BUILD_IMAGE", "RUNTIME_IMAGE"} & set(image()["buildArgs"])


def test_the_image_is_pushed_with_the_stacks_credentials_as_a_secret(image: Declare):
    registries = image(registryUsername="someone", secret={"registryPassword": "hunter2"})["registries"]

    assert registries[_special_sig_key] == _special_secret_sig
    assert registries["value"] == [{"address": "docker.io", "username": "someone", "password": "hunter2"}]


def test_without_credentials_the_docker_login_of_the_machine_is_used(image: Declare):
    assert "registries" not in image()


def test_the_builder_comes_from_the_settings_or_is_buildxs_current_one(image: Declare):
    assert image(builder="slipway")["builder"] == {"name": "slipway"}
    assert "builder" not in image()


@pytest.mark.parametrize("retain", [True, False])
def test_destroy_keeps_the_image_if_older_versions_must_stay(
    image: Declare, monkeypatch: pytest.MonkeyPatch, retain: bool
):
    options = []
    original = pulumi_docker_build.Image.__init__

    def spy(self: Any, *args: Any, **kwargs: Any) -> None:
        options.append(kwargs["opts"])
        original(self, *args, **kwargs)

    monkeypatch.setattr(pulumi_docker_build.Image, "__init__", spy)
    image(retainImage=str(retain).lower())

    assert [option.retain_on_delete for option in options] == [retain]
