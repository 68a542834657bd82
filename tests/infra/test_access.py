"""API keys and origins: the Secret, how pods get it, and which settings are refused."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from infra.access import AccessArgs
from infra.pod import NONROOT
from ops.program import Run
from tests.conftest import StackOf
from tests.infra.conftest import Declare, is_secret
from tests.parsing import problems

OLD, NEW = "the-old-key-0123", "the-new-key-4567"


@pytest.fixture
def with_access(declare: Declare) -> Callable[..., dict[str, Any]]:
    """Return a function that declares a stack with settings of the group `access`."""
    return lambda **access: declare(secret={"access": json.dumps(access)})


def pod_of(objects: dict[str, Any]) -> dict[str, Any]:
    return objects["Deployment"]["spec"]["template"]["spec"]


def test_the_keys_are_in_a_secret_one_a_line(with_access: Callable[..., dict[str, Any]]):
    data = with_access(apiKeys=[OLD, NEW])["Secret"]["stringData"]

    assert is_secret(data)
    assert data["value"] == {"keys": f"{OLD}\n{NEW}"}


def test_another_key_changes_the_secret_in_place_and_nothing_else(
    with_access: Callable[..., dict[str, Any]],
):
    first, second = with_access(apiKeys=[OLD]), with_access(apiKeys=[OLD, NEW])

    assert first["Secret"]["metadata"] == second["Secret"]["metadata"]
    assert first["Secret"]["metadata"]["name"] == "tiny-api-keys"
    assert "immutable" not in first["Secret"]
    del first["Secret"], second["Secret"]
    assert first == second


def test_the_provider_updates_secrets_in_place(program: Callable[..., Run]):
    # https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/#enablesecretmutable_python
    (provider,) = [
        resource.inputs for resource in program().resources if resource.type == "pulumi:providers:kubernetes"
    ]

    assert provider["enableSecretMutable"] in (True, "true")


def test_pods_have_the_keys_as_a_file_that_only_the_server_reads(
    with_access: Callable[..., dict[str, Any]],
):
    objects = with_access(apiKeys=[OLD])
    pod = pod_of(objects)
    (container,), (volume,) = pod["containers"], pod["volumes"]
    (mount,) = container["volumeMounts"]

    assert volume["secret"] == {"secretName": "tiny-api-keys", "defaultMode": 0o440}
    assert pod["securityContext"]["fsGroup"] == NONROOT
    assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
    # A file that is mounted by `subPath` never changes.
    assert "subPath" not in mount
    path = objects["ConfigMap"]["data"]["SLIPWAY_API_KEYS_PATH"]
    assert path == f"{mount['mountPath']}/keys"


def test_an_existing_secret_is_mounted_and_none_is_declared(with_access: Callable[..., dict[str, Any]]):
    objects = with_access(apiKeysSecret="keys-of-the-team")
    (volume,) = pod_of(objects)["volumes"]

    assert volume["secret"]["secretName"] == "keys-of-the-team"
    assert "Secret" not in objects
    assert "SLIPWAY_API_KEYS_PATH" in objects["ConfigMap"]["data"]


def test_without_keys_a_pod_has_no_volume_and_the_server_needs_none(declare: Declare):
    objects = declare()

    assert "volumes" not in pod_of(objects)
    assert "fsGroup" not in pod_of(objects)["securityContext"]
    assert not [name for name in objects["ConfigMap"]["data"] if re.search("KEYS|CORS", name)]


def test_origins_reach_the_server(with_access: Callable[..., dict[str, Any]]):
    data = with_access(corsOrigins=["https://a.example.com", "http://localhost:3000"])["ConfigMap"]["data"]

    assert data["SLIPWAY_CORS_ORIGINS"] == "https://a.example.com,http://localhost:3000"


def test_a_component_refuses_keys_from_two_places():
    async def make() -> AccessArgs:
        # A secret output needs a running event loop.
        return AccessArgs(api_keys=[pulumi.Output.secret(OLD)], api_keys_secret="keys")

    with pytest.raises(pulumi.RunError, match="api_keys_secret: must be empty"):
        asyncio.run(make())


@pytest.mark.parametrize(
    ("access", "path", "allowed"),
    [
        ({"apiKeys": ["too-short"]}, "slipway:access.apiKeys[0]", "16 to 256 letters"),
        ({"apiKeys": [OLD, "a key with spaces in it"]}, "slipway:access.apiKeys[1]", "16 to 256 letters"),
        ({"apiKeys": ["x" * 257]}, "slipway:access.apiKeys[0]", "16 to 256 letters"),
        ({"apiKeys": [f"{OLD}{number}" for number in range(9)]}, "slipway:access.apiKeys", "at most 8"),
        ({"apiKeys": [OLD], "apiKeysSecret": "keys"}, "slipway:access.apiKeysSecret", "empty, for apiKeys"),
        ({"apiKeysSecret": "No Name"}, "slipway:access.apiKeysSecret", "pattern"),
        ({"corsOrigins": ["https://a.example.com/"]}, "slipway:access.corsOrigins[0]", "without a path"),
        ({"corsOrigins": ["https://a.example.com:443"]}, "slipway:access.corsOrigins[0]", "usual port"),
        ({"corsOrigins": ["*", "https://a.example.com"]}, "slipway:access.corsOrigins", "alone"),
        ({"keys": [OLD]}, "slipway:access.keys", "there are apiKeys, apiKeysSecret"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_path_and_no_key_is_shown(
    stack_of: StackOf, access: dict[str, Any], path: str, allowed: str
):
    ((key, message),) = problems(stack_of(secret={"access": json.dumps(access)}))

    assert key == path
    assert allowed in message
    assert not [value for value in access.get("apiKeys", []) if value in message]


def test_a_key_in_plain_text_is_refused_and_not_shown(stack_of: StackOf):
    ((key, message),) = problems(stack_of(access=json.dumps({"apiKeys": [OLD]})))

    assert key == "slipway:access.apiKeys[0]"
    assert "pulumi config set --secret --path 'slipway:access.apiKeys[0]'" in message
    assert OLD not in message


def test_a_key_that_is_not_decrypted_is_accepted(stack_of: StackOf):
    assert problems(stack_of(secret={"access": json.dumps({"apiKeys": ["[secret]"]})})) == []
