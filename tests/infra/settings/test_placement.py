"""What the group `slipway:pod` refuses."""

import json
from typing import Any

import pytest

from tests.conftest import StackOf
from tests.parsing import problems

RESOURCES = {"requests": {"cpu": "10m", "memory": "16Mi"}}


def volume(name: str = "cache", **others: Any) -> dict[str, Any]:
    return {"volumes": [{"name": name, "configMap": "words", **others}]}


def sidecar(**others: Any) -> dict[str, Any]:
    return {"sidecars": [{"name": "proxy", "image": "envoy:1", "resources": RESOURCES, **others}]}


@pytest.mark.parametrize(
    ("pod", "path", "problem"),
    [
        ({"nodeSelector": {"a b": "c"}}, 'nodeSelector["a b"]', "a key of a label"),
        ({"nodeSelector": {"a": "b c"}}, "nodeSelector.a", "'b c': a value of a label"),
        (
            {"nodeSelector": {"kubernetes.io/arch": "arm64"}},
            'nodeSelector["kubernetes.io/arch"]',
            "'arm64': labels without kubernetes.io/arch, which the setting platform decides",
        ),
        ({"tolerations": [{"effect": "NoSchedule"}]}, "tolerations[0].key", "must be set, unless operator"),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            "tolerations[0].value",
            "'b': empty, for operator is Exists",
        ),
        (
            {"tolerations": [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}]},
            "tolerations[0].tolerationSeconds",
            "1: empty, unless effect is NoExecute",
        ),
        ({"affinity": {"nodeAfinity": {}}}, "affinity.nodeAfinity", "unknown; did you mean nodeAffinity"),
        ({"topologySpread": True}, "topologySpread", "true: input should be 'preferred', 'required' or"),
        (
            {"labels": {"app.kubernetes.io/name": "x"}},
            'labels["app.kubernetes.io/name"]',
            "'x': labels without app.kubernetes.io/",
        ),
        ({"environment": {"SLIPWAY_PORT": 1}}, "environment.SLIPWAY_PORT", "1: another variable"),
        ({"environment": {"PYTHONPATH": "/x"}}, "environment.PYTHONPATH", "'/x': another variable"),
        ({"environment": {"a-b": "x"}}, "environment.a-b", "a name of letters, digits and _"),
        ({"environment": {"LIMIT": 1.5}}, "environment.LIMIT", "1.5: input should be a valid string"),
        (
            {"environmentFromSecrets": {"SLIPWAY_PORT": {"name": "a", "key": "b"}}},
            "environmentFromSecrets.SLIPWAY_PORT",
            "another variable",
        ),
        (volume("model"), "volumes[0].name", "'model': a name that no other volume has"),
        (volume(secret="a"), "volumes[0]", "one of configMap, secret"),
        (volume(hostPath="/"), "volumes[0].hostPath", "unknown; "),
        (volume(mountPath="cache"), "volumes[0].mountPath", "'cache': an absolute path"),
        (volume(mountPath="/model/x"), "volumes[0].mountPath", "'/model/x': a folder that neither is"),
        (volume(mountPath="/etc"), "volumes[0].mountPath", "'/etc': a folder that neither is"),
        (volume(subPath="a"), "volumes[0].subPath", "'a': empty, unless mountPath is set"),
        (
            {"volumes": [{"name": "a", "emptyDir": {}}]},
            "volumes[0].emptyDir.sizeLimit",
            "must be set",
        ),
        (sidecar(name="server"), "sidecars[0].name", "'server': another name than server"),
        (sidecar(resources={"requests": {}}), "sidecars[0].resources.requests", "with cpu and memory"),
        (
            sidecar(volumeMounts=[{"name": "cache", "mountPath": "/x"}]),
            "sidecars[0].volumeMounts[0].name",
            "'cache': a volume in pod.volumes, which is empty",
        ),
        (
            {**sidecar(), "initContainers": sidecar()["sidecars"]},
            "sidecars[0].name",
            "'proxy': a name that no other container has",
        ),
        (
            {"ephemeralStorageLimit": "much"},
            "ephemeralStorageLimit",
            "'much': a number, alone or with a unit",
        ),
        (
            {"ephemeralStorageRequest": "2Gi", "ephemeralStorageLimit": "1Gi"},
            "ephemeralStorageLimit",
            "'1Gi': at least ephemeralStorageRequest, 2Gi",
        ),
    ],
    ids=str,
)
def test_a_problem_names_the_path_and_what_is_allowed(
    stack_of: StackOf, pod: dict[str, Any], path: str, problem: str
):
    ((found, text),) = problems(stack_of(pod=json.dumps(pod)))

    assert found == f"slipway:pod{path if path.startswith('[') else '.' + path}"
    assert problem in text


@pytest.mark.parametrize("name", ["DB_PASSWORD", "HF_TOKEN", "api_key", "CREDENTIALS", "CLIENT_SECRET_1"])
def test_a_variable_whose_name_looks_like_a_secret_must_come_from_one(stack_of: StackOf, name: str):
    ((found, text),) = problems(stack_of(pod=json.dumps({"environment": {name: "hunter2"}})))

    assert found == f"slipway:pod.environment.{name}"
    assert "from a Secret, by environmentFromSecrets" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "KEYBOARD", "PASSWORDLESS"])
def test_a_variable_whose_name_only_holds_such_a_word_is_plain(stack_of: StackOf, name: str):
    assert problems(stack_of(pod=json.dumps({"environment": {name: True}}))) == []
