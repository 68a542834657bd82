import base64
import json
from collections.abc import Callable

import pytest
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from infra.registries import Registry
from ops.program import Run
from tests.infra.conftest import by_kind

CREDENTIALS = {"registryUsername": "someone", "secret": {"registryPassword": "hunter2"}}


@pytest.mark.parametrize(
    ("prefix", "host", "auth"),
    [
        ("docker.io/acme", "docker.io", "https://index.docker.io/v1/"),
        ("europe-docker.pkg.dev/acme/models", "europe-docker.pkg.dev", "europe-docker.pkg.dev"),
        ("gcr.io/acme", "gcr.io", "gcr.io"),
        ("eu.gcr.io/acme/models", "eu.gcr.io", "eu.gcr.io"),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        ),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/ml",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        ),
        ("ghcr.io/acme", "ghcr.io", "ghcr.io"),
        ("127.0.0.1:5000/slipway", "127.0.0.1:5000", "127.0.0.1:5000"),
        ("localhost:5000", "localhost:5000", "localhost:5000"),
    ],
)
def test_the_name_of_an_image_follows_the_rules_of_its_registry(prefix: str, host: str, auth: str):
    registry = Registry.parse(prefix)

    assert (registry.host, registry.auth) == (host, auth)
    assert registry.image("tiny", "0123") == f"{prefix}/tiny:0123"


def test_the_name_of_an_ecr_registry_has_its_account_and_region():
    registry = Registry.parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com/ml")

    assert registry.host_parts == {"account": "123456789012", "region": "eu-west-1"}
    assert registry.repository_class is not None
    assert registry.repository("tiny") == "ml/tiny"
    assert Registry.parse("ghcr.io/acme").repository_class is None


@pytest.mark.parametrize(
    ("prefix", "form"),
    [
        ("docker.io", "docker.io/ORGANISATION"),
        ("docker.io/Acme", "docker.io/ORGANISATION"),
        ("europe-docker.pkg.dev/acme", "LOCATION-docker.pkg.dev/PROJECT/REPOSITORY"),
        ("gcr.io", "gcr.io/PROJECT"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/", "ACCOUNT.dkr.ecr.REGION.amazonaws.com"),
        ("acme/models", "HOST"),
        ("https://ghcr.io/acme", "HOST"),
        ("ghcr.io", "ghcr.io/OWNER"),
        ("ghcr.io/acme/", "ghcr.io/OWNER"),
        ("quay.io/acme/", "HOST"),
        ("", "HOST"),
    ],
)
def test_the_error_for_an_invalid_registry_has_the_valid_form(prefix: str, form: str):
    with pytest.raises(ValueError, match=form):
        Registry.parse(prefix)


def test_a_private_repository_is_pulled_with_a_secret(program: Callable[..., Run]):
    objects = by_kind(program(**CREDENTIALS, pullSecret="true"))

    secret = objects["Secret"]
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert secret["stringData"][_special_sig_key] == _special_secret_sig
    config = json.loads(secret["stringData"]["value"][".dockerconfigjson"])
    token = base64.b64encode(b"someone:hunter2").decode()
    assert config == {"auths": {"https://index.docker.io/v1/": {"auth": token}}}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": secret["metadata"]["name"]}]


def test_a_public_repository_is_pulled_without_a_secret(program: Callable[..., Run]):
    objects = by_kind(program(**CREDENTIALS))

    assert "Secret" not in objects
    assert "imagePullSecrets" not in objects["Deployment"]["spec"]["template"]["spec"]


def test_a_changed_password_is_a_new_secret_and_starts_new_pods(program: Callable[..., Run]):
    first = by_kind(program(**CREDENTIALS, pullSecret="true"))
    second = by_kind(
        program(registryUsername="someone", secret={"registryPassword": "other"}, pullSecret="true")
    )

    assert first["Secret"]["metadata"]["name"] != second["Secret"]["metadata"]["name"]
    assert first["Deployment"]["spec"]["template"] != second["Deployment"]["spec"]["template"]
