"""The rules for pods: each has an object that keeps it, one that breaks it, and one without the property."""

import pytest

from policy.rules import RULES
from policy.rules.resource import Resource
from tests.policy.objects import DIGEST, container, kubernetes, workload

CHECKS = {rule.name: rule.check for rule in RULES}
PASSWORD = "correct horse"


def broken(name: str, resource: Resource) -> list[str]:
    return [*CHECKS[name](resource)]


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job"])
def test_a_sound_workload_keeps_each_rule(name: str, kind: str):
    assert not broken(name, workload(kind=kind))


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    "resource", [kubernetes("Deployment"), kubernetes("CronJob"), kubernetes("ConfigMap"), kubernetes("Pod")]
)
def test_an_object_without_a_pod_and_without_data_breaks_no_rule(name: str, resource: Resource):
    assert not broken(name, resource)


@pytest.mark.parametrize("image", ["ghcr.io/acme/cats:1", "ghcr.io/acme/cats", "cats:latest", None])
def test_an_image_without_a_digest_is_found(image: str | None):
    (message,) = broken("image-by-digest", workload(container(image=image)))

    assert message.startswith(f"container server has the image {image or '(none)'}: name it by its digest")


def test_the_image_of_an_init_container_is_judged_too():
    pod = {"initContainers": [container(name="wait", image="busybox:1")]}

    (message,) = broken("image-by-digest", workload(pod=pod))

    assert "container wait has the image busybox:1" in message


def test_an_image_with_a_tag_and_a_digest_is_named_by_its_digest():
    assert not broken("image-by-digest", workload(container(image=DIGEST.replace("@", ":1@"))))


@pytest.mark.parametrize(
    ("resources", "missing"),
    [
        (None, "resources.requests.cpu, resources.requests.memory, resources.limits.cpu, "),
        ({"requests": None}, "resources.requests.cpu, resources.requests.memory, resources.limits.cpu, "),
        (
            {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1"}},
            "container server has no resources.limits.memory: set them",
        ),
    ],
)
def test_a_missing_request_or_limit_is_found(resources: object, missing: str):
    (message,) = broken("requests-and-limits", workload(container(resources=resources)))

    assert missing in message


def test_a_missing_probe_is_found():
    (message,) = broken("probes", workload(container(readinessProbe=None)))
    assert message == "container server has no readinessProbe: set them"

    (message,) = broken("probes", workload(container(livenessProbe=None, readinessProbe={})))
    assert message == "container server has no livenessProbe and no readinessProbe: set them"


def test_a_job_needs_no_probes():
    assert not broken("probes", workload(container(livenessProbe=None, readinessProbe=None), kind="Job"))


@pytest.mark.parametrize(
    "context",
    [None, {}, {"runAsNonRoot": False}, {"runAsNonRoot": True, "runAsUser": 0}],
    ids=["no context", "empty", "allowed", "root"],
)
def test_a_container_that_may_run_as_root_is_found(context: object):
    (message,) = broken("non-root", workload(container(securityContext=context)))

    assert message.startswith("container server may run as root")


def test_a_container_takes_what_its_pod_says_unless_it_says_otherwise():
    pod = {"securityContext": {"runAsNonRoot": True, "runAsUser": 65532}}

    assert not broken("non-root", workload(container(securityContext=None), pod=pod))
    assert broken("non-root", workload(container(securityContext={"runAsNonRoot": False}), pod=pod))


def test_a_privileged_container_is_found():
    (message,) = broken(
        "non-root", workload(container(securityContext={"runAsNonRoot": True, "privileged": True}))
    )

    assert message.startswith("container server is privileged")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", PASSWORD),
        ("API_KEY", PASSWORD),
        ("GITHUB_TOKEN", PASSWORD),
        ("DATABASE_URL", f"postgres://me:{PASSWORD.replace(' ', '')}@db/cats"),
    ],
)
def test_a_secret_in_the_environment_is_found_and_not_repeated(name: str, value: str):
    for resource in (
        workload(container(env=[{"name": name, "value": value}])),
        kubernetes("ConfigMap", data={name: value}),
    ):
        (message,) = broken("no-plain-secret", resource)
        assert name in message
        assert value not in message


@pytest.mark.parametrize(
    "variable",
    [
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        {"name": "API_KEYS_PATH", "value": "/run/keys"},
        {"name": "PASSWORD_FILE", "value": "/run/password"},
        {"name": "TOKENIZER", "value": "tokenizer.json"},
        {"name": "EMPTY_TOKEN", "value": ""},
        {"name": "OTLP_ENDPOINT", "value": "http://collector.monitoring:4318/v1@1"},
        {},
    ],
)
def test_what_is_no_secret_is_not_found(variable: dict[str, object]):
    assert not broken("no-plain-secret", workload(container(env=[variable])))
