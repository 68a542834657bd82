import platform
import re
from dataclasses import MISSING, fields
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel

from infra.settings import Settings, SettingsError
from infra.settings.schema import inner_settings, schema_of
from infra.settings.values import cores, mebibytes
from ops.errors import OperationError
from ops.stack import PROJECT
from tests.conftest import SettingsOf
from tests.infra.conftest import Declare
from tests.infra.keys import GROUP_KEYS

QUEUE = {
    "monitoring": "existing",
    "prometheusUrl": "http://prometheus:9090",
    "autoscalingSignal": "queue-depth",
    "autoscalingBackend": "keda",
    "autoscalingTarget": "8",
}

PASSWORD = {"grafanaAdminPassword": "hunter2"}

PULUMI_YAML: dict[str, Any] = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]


def problems(declare: Declare, **config: Any) -> list[str]:
    with pytest.raises(OperationError) as raised:
        declare(**config)
    head, *lines = str(raised.value).splitlines()
    assert head.startswith("stack prod: ")
    return [line.strip() for line in lines]


def test_every_setting_is_described_in_pulumi_yaml_and_only_there_has_a_default():
    assert {to_camel(field.name) for field in fields(Settings)} == set(PULUMI_YAML)  # type: ignore[arg-type]
    assert all(schema["description"] for schema in PULUMI_YAML.values())
    assert [key for key, schema in PULUMI_YAML.items() if "default" not in schema] == []
    assert all(field.default is MISSING for field in fields(Settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("key", GROUP_KEYS)
def test_every_setting_within_a_group_is_described(key: str):
    for setting in inner_settings(schema_of(Settings, key)):
        assert setting.schema.get("description"), setting.name


def test_all_problems_are_reported_at_once(declare: Declare):
    found = problems(declare, minReplicas="-1", serviceType="Ingress", registry="docker.io", batchSize="x")

    assert [line.partition(":")[0] for line in found] == [
        "registry",
        "serviceType",
        "batchSize",
        "minReplicas",
    ]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (
            {"cluster": "moon"},
            "cluster: 'moon': local, kubeconfig, gke, eks or aks",
        ),
        ({"namespace": "Über"}, r"namespace: 'Über': string should match pattern"),
        ({"namespace": "n" * 64}, "namespace: .* at most 63 characters"),
        ({"modelVersion": "../other"}, r"modelVersion: '../other': string should match pattern"),
        (
            {"runtime": "tensorrt"},
            "runtime: 'tensorrt': input should be 'onnx', 'torchscript' or 'savedmodel'",
        ),
        ({"registry": ""}, r"registry: '': HOST\[:PORT\]\[/PATH\], in small letters"),
        ({"registry": "docker.io/a/b"}, "registry: 'docker.io/a/b': docker.io/ORGANISATION"),
        ({"platform": "auto"}, "platform: 'auto': linux/amd64 or linux/arm64, unless cluster is local"),
        ({"platform": "linux/s390x"}, "platform: 'linux/s390x': input should be"),
        ({"minReplicas": "2.5"}, "minReplicas: '2.5': input should be a valid integer"),
        ({"maxReplicas": "1"}, "maxReplicas: '1': at least minReplicas, 2"),
        ({"targetCpuUtilization": "0"}, "targetCpuUtilization: '0': .* greater than or equal to 1"),
        ({"cpuRequest": "lots"}, "cpuRequest: 'lots': a positive number, alone or with one of the units m"),
        ({"cpuRequest": "٣"}, "cpuRequest: '٣': a positive number"),
        ({"cpuLimit": "0"}, "cpuLimit: '0': a positive number"),
        ({"cpuLimit": "200m"}, "cpuLimit: '200m': at least cpuRequest, 250m"),
        ({"memoryLimit": "256M"}, "memoryLimit: '256M': at least memoryRequest, 256Mi"),
        ({"memoryRequest": "1GB"}, "memoryRequest: '1GB': a positive number, .* Ki, Mi, Gi, Ti, k, M, G, T"),
        ({"nodePort": "30080"}, "nodePort: '30080': 0, unless serviceType is NodePort"),
        ({"serviceType": "NodePort", "nodePort": "80"}, "nodePort: '80': 0, or from 30000 to 32767"),
        ({"otlpEndpoint": "collector:4318"}, "otlpEndpoint: 'collector:4318': .* 'http' or 'https'"),
        ({"threads": "-1"}, "threads: '-1': .* greater than or equal to 0"),
        ({"logLevel": "loud"}, "logLevel: 'loud': input should be"),
        ({"queueSize": "0"}, "queueSize: '0': .* greater than or equal to 1"),
        (
            {"requestTimeoutSeconds": "21"},
            "drainTimeoutSeconds: '20': at least requestTimeoutSeconds, 21: requests in flight would be cut",
        ),
        (
            {"drainTimeoutSeconds": "60"},
            "terminationGracePeriodSeconds: '30': at least drainDelaySeconds .* 68: the kubelet would kill",
        ),
        ({"pullSecret": "true"}, "pullSecret: 'true': true only with registryUsername and registryPassword"),
        ({"pullSecret": "perhaps"}, "pullSecret: 'perhaps': input should be a valid boolean"),
        ({"monitoring": "install"}, "grafanaAdminPassword: '': a secret, for monitoring is install"),
        (
            {"monitoring": "install", "secret": PASSWORD, "namespace": "monitoring"},
            "monitoringNamespace: 'monitoring': another one than namespace",
        ),
        ({"prometheusUrl": "prometheus:9090"}, "prometheusUrl: 'prometheus:9090': .* 'http' or 'https'"),
        (
            {"prometheusStorage": "50Gi"},
            "prometheusStorage: '50Gi': empty, unless monitoring is install",
        ),
        (
            {"monitoring": "install", "secret": PASSWORD, "prometheusStorage": "1000Mi"},
            "prometheusStorage: '1000Mi': at least 1Gi",
        ),
        (
            {"monitoring": "install", "secret": PASSWORD, "prometheusStorage": "much"},
            "prometheusStorage: 'much': a positive number, alone or with one of the units",
        ),
        ({"sloAvailability": "100"}, "sloAvailability: '100': .* less than 100"),
        (
            {"sloLatencySeconds": "0.3"},
            "sloLatencySeconds: '0.3': one of 0.001, .* 10: the bounds",
        ),
        ({"sloWindowDays": "1"}, "sloWindowDays: '1': .* greater than or equal to 7"),
        ({"autoscalingSignal": "latency"}, "autoscalingSignal: 'latency': cpu, for monitoring is none"),
        (
            {"autoscalingBackend": "prometheus-adapter"},
            "autoscalingBackend: 'prometheus-adapter': hpa-cpu or keda, for autoscalingSignal is cpu",
        ),
        ({**QUEUE, "autoscalingBackend": "hpa-cpu"}, "autoscalingBackend: 'hpa-cpu': prometheus-adapter or"),
        ({**QUEUE, "prometheusUrl": ""}, "autoscalingBackend: 'keda': keda only with prometheusUrl"),
        ({**QUEUE, "autoscalingTarget": ""}, "autoscalingTarget: '': a positive number, samples that wait"),
        ({**QUEUE, "autoscalingTarget": "nan"}, "autoscalingTarget: 'nan': .* finite"),
        ({"autoscalingTarget": "4"}, "autoscalingTarget: '4': empty, for autoscalingSignal is cpu"),
        ({"autoscalingWakeQuery": "up"}, "autoscalingWakeQuery: 'up': empty, unless autoscalingBackend is"),
        ({**QUEUE, "autoscalingWakeQuery": "up"}, "minReplicas: '2': 0, for autoscalingWakeQuery is set"),
        (
            {**QUEUE, "minReplicas": "0"},
            "minReplicas: '0': at least 1, unless autoscalingBackend is keda and",
        ),
        (
            {
                "monitoring": "existing",
                "autoscalingBackend": "keda",
                "autoscalingWakeQuery": "up",
                "minReplicas": "0",
            },
            "autoscalingWakeQuery: 'up': empty, for prometheusUrl is empty",
        ),
        (
            {"scaleDownStabilizationSeconds": "3601"},
            "scaleDownStabilizationSeconds: '3601': .* 3600",
        ),
    ],
)
def test_a_problem_names_the_key_the_value_and_what_is_allowed(
    declare: Declare, config: dict[str, str], problem: str
):
    (found,) = problems(declare, **config)

    assert re.match(problem, found)


def test_an_unknown_key_is_refused_with_the_nearest_known_one(declare: Declare):
    assert problems(declare, minReplica="2") == [
        "minReplica: unknown; did you mean minReplicas or maxReplicas?"
    ]
    assert problems(declare, zzz="1") == ["zzz: unknown; see Pulumi.yaml"]


def test_a_password_in_plain_text_is_refused_and_not_repeated(declare: Declare):
    found = problems(declare, registryUsername="someone", registryPassword="hunter2")

    assert found == [
        "registryPassword: is in plain text; set it again with `pulumi config set --secret registryPassword`"
    ]


def test_a_password_is_not_repeated_beside_other_problems(declare: Declare):
    found = problems(declare, logLevel="loud", secret={"registryPassword": "hunter2"})

    assert "hunter2" not in "".join(found)


def test_the_namespace_has_the_names_of_the_project_and_the_stack_unless_it_is_set(declare: Declare):
    assert declare()["Namespace"]["metadata"]["name"] == "slipway-prod"
    assert declare(namespace="mine")["Namespace"]["metadata"]["name"] == "mine"


@pytest.mark.parametrize(("text", "amount"), [("250m", 0.25), ("2", 2), ("0.5", 0.5), ("1500m", 1.5)])
def test_cpu_quantities_are_cores(text: str, amount: float):
    assert float(cores(text)) == amount


@pytest.mark.parametrize(
    ("text", "amount"), [("1Gi", 1024), ("512Mi", 512), ("1024Ki", 1), ("1048576", 1), ("1G", 953.674)]
)
def test_memory_quantities_are_mebibytes(text: str, amount: float):
    assert float(mebibytes(text)) == pytest.approx(amount)


@pytest.mark.parametrize(
    ("machine", "image_platform"),
    [
        ("x86_64", "linux/amd64"),
        ("AMD64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("arm64", "linux/arm64"),
    ],
)
def test_images_of_local_stacks_are_for_the_platform_of_this_machine(
    settings_of: SettingsOf, monkeypatch: pytest.MonkeyPatch, machine: str, image_platform: str
):
    monkeypatch.setattr(platform, "machine", lambda: machine)

    assert {settings_of(stack).platform for stack in ("dev", "watched")} == {image_platform}


def test_the_error_for_an_unsupported_platform_names_it(
    settings_of: SettingsOf, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    with pytest.raises(
        SettingsError,
        match="platform: 'auto': linux/amd64 or linux/arm64: this machine is riscv64",
    ):
        settings_of("dev")
