"""Every setting changes the declared objects, so none is described and parsed but not used."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ops.stack import Stack
from tests.conftest import VERSION, StackOf, write_artifact
from tests.infra.conftest import CLOUD_CONFIG, EXISTING, GPU, QUEUE_DEPTH
from tests.infra.declarations import declarations
from tests.infra.keys import EXAMPLES, SECRETS, settings_and_inner_ones
from tests.infra.pruning import left_behind
from tests.infra.receivers import SEVERITIES, alerts, changes

pytestmark = pytest.mark.exhaustive

OTHER_VERSION = "ba9876543210"
CREDENTIALS = {"registryUsername": "someone", "registryPassword": "hunter2"}
GPU_POOL = {**CLOUD_CONFIG["gke"], **GPU, "clusterName": "theirs"}
INSTALL = {"monitoring": "install", "grafanaAdminPassword": "hunter3"}
KEDA = {**EXISTING, **QUEUE_DEPTH, "autoscalingBackend": "keda"}
SLEEPING = {**KEDA, "minReplicas": "0"}


@dataclass(frozen=True)
class Change:
    """A setting's new value, and the other settings under which it must have an effect."""

    value: str
    others: dict[str, str] = field(default_factory=dict[str, str])
    before: str | None = None
    """The value that it is compared with. None is the default."""


def cloud(name: str = "gke", **chosen: object) -> Change:
    return Change(json.dumps(chosen), CLOUD_CONFIG[name])


def exposed(**group: object) -> str:
    return json.dumps(group)


def routed(**others: object) -> str:
    return exposed(**{"type": "Ingress", "hosts": ["a.example.com"], **others})


def by_gateway(**gateway: object) -> str:
    given = {"name": "public", "listener": "https", **gateway}
    return exposed(type="Gateway", hosts=["a.example.com"], gateway=given, tls={"external": True})


CHANGES: dict[str, Change] = {
    "cluster": Change("local"),
    "clusterName": Change("theirs", CLOUD_CONFIG["gke"]),
    "clusterStack": Change("acme/clusters/prod"),
    "kubeconfig": Change("/etc/kubeconfig"),
    "kubeContext": Change("there"),
    "namespace": Change("mine"),
    "createNamespace": Change("false"),
    "device": Change("gpu", {"memoryLimit": "4Gi", "maxReplicas": "2"}),
    "gpuMachineType": Change("g2-standard-8", GPU_POOL),
    "gpuAccelerator": Change(
        "nvidia-tesla-t4", {**GPU_POOL, "gpuMachineType": "n1-standard-4"}, before="nvidia-tesla-p4"
    ),
    "gpuZones": Change("europe-west4-a,europe-west4-b", GPU_POOL),
    "gpuMinNodes": Change("1", GPU_POOL),
    "gpuMaxNodes": Change("3", GPU_POOL),
    "gpuSpot": Change("true", GPU_POOL),
    "model": Change("other", before="tiny"),
    "modelVersion": Change(OTHER_VERSION, before=VERSION),
    "modelDirectory": Change("elsewhere", before="here"),
    "runtime": Change("torchscript"),
    "image": Change(f"docker.io/acme/tiny@sha256:{'0' * 64}"),
    "registry": Change("ghcr.io/acme"),
    "registryUsername": Change("else", CREDENTIALS, before="someone"),
    "registryPassword": Change("other", CREDENTIALS, before="hunter2"),
    "pullSecret": Change("true", CREDENTIALS),
    "registryResourceGroup": Change(
        "others", {**CLOUD_CONFIG["aks"], "registry": "models.azurecr.io"}, before="models"
    ),
    "retainImage": Change("false"),
    "builder": Change("remote"),
    "platform": Change("linux/arm64"),
    "buildImage": Change("acme/python:3.13"),
    "runtimeImage": Change("acme/python:3.13-slim"),
    "mirror": Change("mirror.example.com/all", INSTALL),
    "monitoring": Change("existing"),
    "monitoringNamespace": Change("watch", INSTALL),
    "createMonitoringNamespace": Change("false", INSTALL),
    "monitoringLabels": Change("release=kps", EXISTING),
    "prometheusUrl": Change("http://prometheus.watch:9090", KEDA, before=KEDA["prometheusUrl"]),
    "prometheusStorage": Change("50Gi", INSTALL),
    "monitorControlPlane": Change("true", INSTALL),
    "grafanaAdminPassword": Change("other", INSTALL, before="hunter3"),
    "sloAvailability": Change("99.5", EXISTING),
    "sloLatencySeconds": Change("0.25", EXISTING),
    "sloLatencyPercent": Change("95", EXISTING),
    "sloWindowDays": Change("28", EXISTING),
    "runbookUrl": Change("https://example.com/runbooks", EXISTING),
    "autoscalingSignal": Change("in-flight", KEDA, before="queue-depth"),
    "autoscalingBackend": Change("keda"),
    "autoscalingTarget": Change("16", KEDA, before="8"),
    "autoscalingWakeQuery": Change("vector(2)", SLEEPING, before="vector(1)"),
    "scaleDownStabilizationSeconds": Change("60"),
    "minReplicas": Change("3"),
    "maxReplicas": Change("11"),
    "targetCpuUtilization": Change("70"),
    "cpuRequest": Change("300m"),
    "cpuLimit": Change("1"),
    "memoryRequest": Change("300Mi"),
    "memoryLimit": Change("1Gi"),
    "batchSize": Change("16"),
    "queueSize": Change("128"),
    "requestTimeoutSeconds": Change("5"),
    "maxBodyBytes": Change("1048576"),
    "threads": Change("2"),
    "otlpEndpoint": Change("http://collector:4318"),
    "logLevel": Change("debug"),
    "drainDelaySeconds": Change("4"),
    "drainTimeoutSeconds": Change("19"),
    "terminationGracePeriodSeconds": Change("40"),
    "cloud.network": cloud(network="ours", subnets=["nodes"]),
    "cloud.subnets": cloud(subnets=["nodes"]),
    "cloud.privateNodes": cloud(privateNodes=True),
    "cloud.privateEndpoint": cloud(privateEndpoint=True),
    "cloud.apiRanges": cloud(apiRanges=["203.0.113.0/24"]),
    "cloud.admins": cloud(admins=["group:platform@example.com"]),
    "cloud.version": cloud(version="1.34"),
    "cloud.upgradeChannel": cloud(upgradeChannel="stable"),
    "cloud.controlPlaneLogs": cloud(controlPlaneLogs=False),
    "cloud.deletionProtection": cloud(deletionProtection=False),
    "cloud.encryptionKey": cloud(encryptionKey="projects/acme/locations/eu/keyRings/ours/cryptoKeys/slipway"),
    "cloud.hostEncryption": cloud("aks", hostEncryption=True),
    "cloud.uptimeSla": cloud("aks", uptimeSla=True),
    "cloud.tags": cloud(tags={"team": "vision"}),
    "exposure.type": Change(exposed(type="ClusterIP")),
    "exposure.nodePort": Change(exposed(type="NodePort", nodePort=30081), before=exposed(type="NodePort")),
    "exposure.hosts": Change(routed(hosts=["b.example.com"]), before=routed()),
    "exposure.path": Change(exposed(path="/cats")),
    "exposure.ingressClassName": Change(routed(ingressClassName="nginx"), before=routed()),
    "exposure.gateway": Change(by_gateway(), before=routed()),
    "exposure.gateway.name": Change(by_gateway(name="other"), before=by_gateway()),
    "exposure.gateway.namespace": Change(by_gateway(namespace="gateways"), before=by_gateway()),
    "exposure.gateway.listener": Change(by_gateway(listener="tls"), before=by_gateway()),
    "exposure.tls": Change(routed(tls={"secret": "mine"}), before=routed()),
    "exposure.tls.secret": Change(routed(tls={"secret": "mine"}), before=routed(tls={"secret": "other"})),
    "exposure.tls.issuer": Change(routed(tls={"issuer": "ours"}), before=routed(tls={"issuer": "other"})),
    "exposure.tls.clusterIssuer": Change(
        routed(tls={"clusterIssuer": "ours"}), before=routed(tls={"issuer": "ours"})
    ),
    "exposure.tls.external": Change(routed(tls={"external": True}), before=routed(tls={"secret": "mine"})),
    "exposure.serviceAnnotations": Change(exposed(serviceAnnotations={"a": "b"})),
    "exposure.routeAnnotations": Change(routed(routeAnnotations={"a": "b"}), before=routed()),
    "exposure.sourceRanges": Change(exposed(sourceRanges=["203.0.113.0/24"])),
    "exposure.internal": Change(exposed(internal=True), {**CLOUD_CONFIG["gke"], "clusterName": "theirs"}),
    "exposure.ipFamilies": Change(exposed(ipFamilies=["IPv6"])),
    "models": Change(
        '[{"model": "other"}]',
        {"model": "efficientnet-lite0"},
        before='[{"model": "tiny"}, {"model": "other"}]',
    ),
    **{
        f"alerts.{severity}": Change(alerts(**{severity: {"severity": "urgent"}}), EXISTING)
        for severity in SEVERITIES
    },
    **{
        path: Change(after, EXISTING, before=before)
        for severity in SEVERITIES
        for path, before, after in changes(severity)
    },
}
"""By key. For a setting within a group, the path is given and the values are those of the whole group."""


@pytest.fixture
def stack_with(stack_of: StackOf, tmp_path: Path) -> Callable[[dict[str, str]], Stack]:
    """Return a function that makes a stack, with two models in two folders to choose from."""
    for folder in ("here", "elsewhere"):
        for model in ("tiny", "other"):
            for version in (VERSION, OTHER_VERSION):
                write_artifact(tmp_path / folder, model, version, ("onnx", "torchscript"))

    def stack(config: dict[str, str]) -> Stack:
        given: dict[str, Any] = {"modelVersion": VERSION, "modelDirectory": "here", **config}
        given["modelDirectory"] = str(tmp_path / given["modelDirectory"])
        secret = {key: given.pop(key) for key in (*SECRETS, "access", "alerts") if key in given}
        return stack_of(**given, secret=secret)

    return stack


def test_every_setting_has_a_case():
    assert {*CHANGES} == {
        name for name in settings_and_inner_ones() if re.split(r"[.[]", name)[0] not in EXAMPLES
    }


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_changes_the_declared_objects(stack_with: Callable[[dict[str, str]], Stack], name: str):
    change, key = CHANGES[name], re.split(r"[.[]", name)[0]
    before = {**change.others, **({} if change.before is None else {key: change.before})}
    after = {**change.others, key: change.value}

    first, second = declarations(stack_with(before)), declarations(stack_with(after))

    assert first != second
    assert not left_behind(declaration.inputs for declaration in second)
