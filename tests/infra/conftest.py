"""Runs of the program with Pulumi's mocks, and helpers that find its objects."""

import base64
import importlib.util
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import MockCallArgs, MockResourceArgs
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from infra.clouds import CLOUDS
from infra.labels import COMPONENT, MONITORING
from infra.sdk import NOT_INSTALLED
from ops import program as program_module
from ops.errors import OperationError
from ops.program import Recorder, Run, run
from tests.conftest import VERSION, StackOf, write_artifact
from tests.infra.promtool import PROMTOOL

Objects = dict[str, dict[str, Any]]
"""Objects of a run by kind. The objects that serve have different kinds, and so have those that monitor."""

Declare = Callable[..., Objects]
Several = Callable[..., dict[str, Any]]


def by_kind(declared: Run, *, monitoring: bool = False) -> Objects:
    objects = [manifest for manifest in declared.objects() if is_monitoring(manifest) is monitoring]
    kinds = [manifest["kind"] for manifest in objects]
    assert len(set(kinds)) == len(kinds)
    return dict(zip(kinds, objects, strict=True))


def is_monitoring(manifest: dict[str, Any]) -> bool:
    return manifest["metadata"]["labels"].get(COMPONENT) == MONITORING


@pytest.fixture
def program(stack_of: StackOf) -> Callable[..., Run]:
    """Return a function that runs the program for a stack as `stack_of` makes it."""
    return lambda *args, **config: run(stack_of(*args, **config))


@pytest.fixture
def declare(program: Callable[..., Run]) -> Declare:
    return lambda *args, **config: by_kind(program(*args, **config))


@pytest.fixture
def watch(program: Callable[..., Run]) -> Declare:
    """Return a function that runs the program and returns the objects that monitor the model."""
    return lambda *args, **config: by_kind(program(*args, **config), monitoring=True)


@pytest.fixture
def promtool_is_there() -> None:
    """Skip the running test where promtool is missing."""
    if PROMTOOL is None:
        pytest.skip("promtool is not on PATH, and not built: make checkers")


@pytest.fixture
def several(models: Path) -> Several:
    """Return a function that gives the configuration of a list of models, and writes their artifacts."""

    def of(*items: str | dict[str, Any]) -> dict[str, Any]:
        own = [{"model": item} if isinstance(item, str) else item for item in items]
        for item in own:
            if not (models / item["model"]).exists():
                write_artifact(models, item["model"], VERSION)
        return {"models": json.dumps(own), "model": None, "modelVersion": VERSION}

    return of


SDKS = {name: cloud.cluster.sdk.package for name, cloud in CLOUDS.items()}
MISSING_SDKS = {name for name in SDKS.values() if importlib.util.find_spec(name) is None}


def require_sdks(*names: str) -> None:
    """Skip the running test where one of these SDKs is not installed."""
    if missing := MISSING_SDKS & {*names}:
        pytest.skip(f"{' and '.join(sorted(missing))} not installed: make clouds")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Skip a test if the program needs an SDK that is not installed. Other tests run."""
    try:
        yield
    except OperationError as error:
        name, _, rest = str(error).rpartition("\n")[2].partition(" ")
        if rest.startswith(NOT_INSTALLED):
            require_sdks(name)
        raise


CLOUD_CONFIG = {
    "gke": {"cluster": "gke", "gcp:project": "acme", "gcp:zone": "europe-west4-a"},
    "eks": {"cluster": "eks", "aws:region": "eu-west-1"},
    "aks": {"cluster": "aks", "azure-native:location": "westeurope"},
}
"""The fewest settings with which each cloud creates a cluster."""

GPU = {"device": "gpu", "memoryLimit": "4Gi", "maxReplicas": "2"}
"""The fewest settings with which a pod has a GPU."""

AUTHORITY = base64.b64encode(b"certificate").decode()
KUBECONFIG = base64.b64encode(b"apiVersion: v1\nkind: Config\n").decode()
TOKEN = "token-of-ecr"

REGISTRIES = "Microsoft.ContainerRegistry/registries"

ANSWERS: dict[str, dict[str, Any]] = {
    "gcp:container/getCluster:getCluster": {
        "endpoint": "203.0.113.1",
        "masterAuths": [{"clusterCaCertificate": AUTHORITY}],
        "selfLink": "https://container.googleapis.com/v1/projects/acme/clusters/theirs",
    },
    "aws:eks/getCluster:getCluster": {
        "arn": "arn:aws:eks:eu-west-1:123456789012:cluster/theirs",
        "endpoint": "https://theirs.eks.amazonaws.com",
        "certificateAuthorities": [{"data": AUTHORITY}],
        "vpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]},
    },
    "aws:index/getAvailabilityZones:getAvailabilityZones": {"zoneIds": ["euw1-az1", "euw1-az2"]},
    "aws:ec2/getSubnets:getSubnets": {"ids": ["subnet-a", "subnet-b"]},
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": {"locations": ["euw1-az1", "euw1-az2"]},
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": {"userName": "AWS", "password": TOKEN},
    "azure-native:containerregistry:getRegistry": {
        "id": f"/subscriptions/ours/resourceGroups/models/providers/{REGISTRIES}/models"
    },
    "azure-native:containerservice:listManagedClusterUserCredentials": {
        "kubeconfigs": [{"name": "user", "value": KUBECONFIG}]
    },
}
"""Answers of the clouds' functions, as far as the program reads them."""

STATES: dict[str, dict[str, Any]] = {
    "gcp:container/cluster:Cluster": {
        "name": "cluster-1a2b3c4",
        "endpoint": "203.0.113.2",
        "masterAuth": {"clusterCaCertificate": AUTHORITY},
        "selfLink": "https://container.googleapis.com/v1/projects/acme/clusters/cluster-1a2b3c4",
    },
    "aws:eks/cluster:Cluster": {
        "arn": "arn:aws:eks:eu-west-1:123456789012:cluster/slipway-prod",
        "endpoint": "https://ours.eks.amazonaws.com",
        "certificateAuthority": {"data": AUTHORITY},
    },
    "gcp:serviceaccount/account:Account": {"email": "cluster-nodes@acme.iam.gserviceaccount.com"},
    "aws:iam/role:Role": {"name": "role-1a2b3c4", "arn": "arn:aws:iam::123456789012:role/role-1a2b3c4"},
    "azure-native:containerservice:ManagedCluster": {
        "name": "cluster1a2b3c4",
        "identityProfile": {"kubeletidentity": {"objectId": "kubelets-of-ours"}},
    },
    "azure-native:resources:ResourceGroup": {"name": "group1a2b3c4"},
}
"""Outputs of created resources beside their inputs, as far as the program reads them."""


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> list[MockCallArgs]:
    """Clouds that answer, and the list of their calls. Without this fixture every answer is unknown."""
    asked: list[MockCallArgs] = []

    class Answering(Recorder):
        def call(self, args: MockCallArgs) -> tuple[dict[str, Any], Any]:
            asked.append(args)
            return ANSWERS[args.token], []

        def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
            identifier, state = super().new_resource(args)
            return identifier, {**STATES.get(args.typ, {}), **state}

    monkeypatch.setattr(program_module, "Recorder", Answering)
    return asked


EXISTING = {"monitoring": "existing", "prometheusUrl": "http://prometheus.monitoring:9090"}
PASSWORD = "correct horse battery staple"
INSTALL: dict[str, Any] = {"monitoring": "install", "secret": {"grafanaAdminPassword": PASSWORD}}
QUEUE_DEPTH = {"autoscalingSignal": "queue-depth", "autoscalingTarget": "8"}


def one_of(declared: Run, kind: str) -> dict[str, Any]:
    """Return the inputs of the only resource of a type."""
    (inputs,) = [resource.inputs for resource in declared.resources if resource.type == kind]
    return inputs


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_special_sig_key) == _special_secret_sig
