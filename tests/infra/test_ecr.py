import json
from collections.abc import Callable
from typing import Any

import pytest

from ops.program import IMAGE, Run
from tests.infra.conftest import TOKEN, is_secret, one_of

pulumi_aws = pytest.importorskip("pulumi_aws", reason="the SDK of AWS is not installed: make clouds")

Program = Callable[..., Run]

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
REPOSITORY = "aws:ecr/repository:Repository"
pytestmark = pytest.mark.usefixtures("clouds")


def test_the_repository_is_created_in_the_region_of_the_registry(program: Program):
    repository = one_of(program(registry=f"{HOST}/ml"), REPOSITORY)

    assert (repository["name"], repository["region"]) == ("ml/tiny", "eu-west-1")
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    # A new server for the same version of the model is pushed under the same tag.
    assert repository["imageTagMutability"] == "MUTABLE"


def test_untagged_images_are_deleted_after_a_while(program: Program):
    declared = program(registry=HOST)

    policy = one_of(declared, "aws:ecr/lifecyclePolicy:LifecyclePolicy")
    assert policy["repository"] == one_of(declared, REPOSITORY)["name"] == "tiny"
    (rule,) = json.loads(policy["policy"])["rules"]
    assert rule["selection"]["tagStatus"] == "untagged"
    assert rule["selection"]["countNumber"] >= 1
    assert rule["action"] == {"type": "expire"}


def test_the_image_is_pushed_with_a_token_of_the_registrys_account(program: Program, clouds: list[Any]):
    registries = one_of(program(registry=HOST), IMAGE)["registries"]

    assert is_secret(registries)
    assert registries["value"] == [{"address": HOST, "username": "AWS", "password": TOKEN}]
    (asked,) = clouds
    assert asked.args == {"registryId": "123456789012", "region": "eu-west-1"}


def test_the_token_is_only_for_pushing(program: Program):
    objects = program(registry=HOST).objects()

    assert "Secret" not in {manifest["kind"] for manifest in objects}
    assert TOKEN not in str(objects)


def test_with_credentials_that_user_pushes_and_no_role_is_created(program: Program, clouds: list[Any]):
    declared = program(registry=HOST, registryUsername="AWS", secret={"registryPassword": "mine"})

    assert not [resource for resource in declared.resources if resource.type.startswith("aws:")]
    (pushes,) = one_of(declared, IMAGE)["registries"]["value"]
    assert pushes["password"] == "mine"
    assert clouds == []


@pytest.mark.parametrize("retain", [True, False])
def test_destroy_keeps_the_repository_with_its_images_or_deletes_both(
    program: Program, monkeypatch: pytest.MonkeyPatch, retain: bool
):
    options = []
    original = pulumi_aws.ecr.Repository.__init__

    def spy(self: Any, *args: Any, **kwargs: Any) -> None:
        options.append(kwargs["opts"])
        original(self, *args, **kwargs)

    monkeypatch.setattr(pulumi_aws.ecr.Repository, "__init__", spy)
    repository = one_of(program(registry=HOST, retainImage=str(retain).lower()), REPOSITORY)

    assert [option.retain_on_delete for option in options] == [retain]
    assert repository["forceDelete"] is not retain
