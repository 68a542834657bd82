"""The combinations of settings that a stack may have, and what each must declare."""

import itertools
import random
from dataclasses import dataclass, field
from typing import Any

from tests.infra.conftest import CLOUD_CONFIG, GPU

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PRIVATE = {"registryUsername": "someone", "registryPassword": "hunter2", "pullSecret": "true"}
SECRETS = ("registryPassword", "grafanaAdminPassword")

CLUSTERS: dict[str, dict[str, str]] = {
    "local": {"cluster": "local"},
    "kubeconfig": {"cluster": "kubeconfig"},
    **CLOUD_CONFIG,
}
FOUND: dict[str, dict[str, str]] = {
    "kubeconfig of a stack": {"cluster": "kubeconfig", "clusterStack": "acme/clusters/prod"},
    "gke, found": CLOUD_CONFIG["gke"] | {"clusterName": "theirs"},
    "eks, found": CLOUD_CONFIG["eks"] | {"clusterName": "theirs"},
    "aks, found": CLOUD_CONFIG["aks"] | {"clusterName": "group/theirs"},
    "eks, found, of a stack": CLOUD_CONFIG["eks"]
    | {"clusterName": "theirs", "clusterStack": "acme/clusters/prod"},
}
REGISTRIES: dict[str, dict[str, str]] = {
    "Docker Hub": {"registry": "docker.io/acme", **PRIVATE},
    "Artifact Registry": {"registry": "europe-docker.pkg.dev/acme/models"},
    "GCR": {"registry": "gcr.io/acme"},
    "ECR": {"registry": ECR},
    "GHCR": {"registry": "ghcr.io/acme", **PRIVATE},
    "a host": {"registry": "127.0.0.1:5000"},
}
DEVICES = {"cpu": {"device": "cpu"}, "gpu": GPU}
RUNTIMES = {runtime: {"runtime": runtime} for runtime in ("onnx", "torchscript", "savedmodel")}
TARGETS = {"cpu": "", "queue-depth": "8", "in-flight": "4", "latency": "0.25"}
AUTOSCALING: dict[str, dict[str, str]] = {
    f"{signal} by {backend}": {
        "autoscalingSignal": signal,
        "autoscalingBackend": backend,
        "autoscalingTarget": target,
    }
    for signal, target in TARGETS.items()
    for backend in ("hpa-cpu", "prometheus-adapter", "keda")
}
MONITORING: dict[str, dict[str, str]] = {
    "none": {"monitoring": "none"},
    "existing": {"monitoring": "existing", "prometheusUrl": "http://prometheus.monitoring:9090"},
    "install": {"monitoring": "install", "grafanaAdminPassword": "hunter3"},
}


@dataclass(frozen=True)
class Combination:
    """A combination: a value of each dimension."""

    names: tuple[str, ...]
    config: dict[str, str] = field(compare=False)

    @property
    def is_legal(self) -> bool:
        return not self.broken

    @property
    def broken(self) -> set[str]:
        """The keys of the documented rules that it breaks. This does not use the code of the settings."""
        keys: set[str] = set()
        value = self.config.__getitem__
        if value("cluster") == "local" and value("device") == "gpu":
            keys.add("device")
        elif value("device") == "gpu" and value("runtime") == "savedmodel":
            keys.add("runtime")
        if value("monitoring") == "none" and value("autoscalingSignal") != "cpu":
            keys.add("autoscalingSignal")
        else:
            first = "hpa-cpu" if value("autoscalingSignal") == "cpu" else "prometheus-adapter"
            if value("autoscalingBackend") not in (first, "keda"):
                keys.add("autoscalingBackend")
        return keys

    @property
    def cloud_types(self) -> set[str]:
        """The types of the resources that must be created in a cloud."""
        cluster, is_made = self.config["cluster"], "clusterName" not in self.config
        pool = {
            "gke": {"gcp:container/nodePool:NodePool"},
            "eks": {
                "aws:ec2/launchTemplate:LaunchTemplate",
                "aws:eks/nodeGroup:NodeGroup",
                "aws:iam/role:Role",
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            },
            "aks": {"azure-native:containerservice:AgentPool"},
        }.get(cluster, set())
        made = {
            "gke": pool
            | {
                "gcp:container/cluster:Cluster",
                "gcp:projects/iAMMember:IAMMember",
                "gcp:serviceaccount/account:Account",
            },
            "eks": pool
            | {
                "aws:cloudwatch/logGroup:LogGroup",
                "aws:eks/cluster:Cluster",
                "aws:eks/addon:Addon",
                "aws:eks/podIdentityAssociation:PodIdentityAssociation",
                "aws:iam/rolePolicy:RolePolicy",
            },
            "aks": {
                "azure-native:containerservice:ManagedCluster",
                "azure-native:monitor:DiagnosticSetting",
                "azure-native:operationalinsights:Workspace",
                "azure-native:resources:ResourceGroup",
            },
        }.get(cluster, set())
        repository = {"aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy"}
        from_artifact_registry = cluster == "gke" and "pkg.dev" in self.config["registry"]
        pulls = {"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"}
        return (
            (made | (pulls if from_artifact_registry else set()) if is_made else set())
            | (pool if self.config["device"] == "gpu" else set())
            | (repository if self.config["registry"] == ECR else set())
        )

    @property
    def charts(self) -> set[str]:
        """The charts that must be installed."""
        cluster, is_made = self.config["cluster"], "clusterName" not in self.config
        gpus = self.config["device"] == "gpu" and cluster in CLOUD_CONFIG
        monitoring, scaler = self.config["monitoring"], self.config["autoscalingBackend"]
        return {
            *(["cluster-autoscaler"] if cluster == "eks" and is_made else []),
            *(["nvidia-device-plugin"] if gpus and cluster != "gke" else []),
            *(["dcgm-exporter"] if gpus and monitoring != "none" else []),
            *(["kube-prometheus-stack"] if monitoring == "install" else []),
            *([scaler] if monitoring == "install" and scaler != "hpa-cpu" else []),
        }

    @property
    def kinds(self) -> set[str]:
        """The optional kinds of objects that must be declared."""
        is_watched, has_keda = (
            self.config["monitoring"] != "none",
            self.config["autoscalingBackend"] == "keda",
        )
        return {
            "ScaledObject" if has_keda else "HorizontalPodAutoscaler",
            *(["ServiceMonitor", "PrometheusRule"] if is_watched else []),
        }

    def stack_config(self, models: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the plain and the secret part of its configuration, with a model to serve."""
        given = {**self.config, "modelDirectory": models}
        return (
            {key: value for key, value in given.items() if key not in SECRETS},
            {key: value for key, value in given.items() if key in SECRETS},
        )


def combinations(
    clusters: dict[str, dict[str, str]], registries: dict[str, dict[str, str]]
) -> list[Combination]:
    """Return all combinations of these with every device, runtime, autoscaling and monitoring."""
    dimensions = (clusters, registries, DEVICES, RUNTIMES, AUTOSCALING, MONITORING)
    return [
        Combination(
            tuple(name for name, _ in chosen),
            {key: value for _, config in chosen for key, value in config.items()},
        )
        for chosen in itertools.product(*(dimension.items() for dimension in dimensions))
    ]


def pairwise(legal: list[Combination]) -> list[Combination]:
    """Return some combinations in which any two values that can occur together do so once."""
    missing = {pair for combination in legal for pair in _pairs(combination)}
    shuffled = random.Random(0).sample(legal, len(legal))
    chosen: list[Combination] = []
    # Combinations with many new pairs come first.
    for least in (12, 8, 4, 2, 1):
        for combination in shuffled:
            if len(new := missing & _pairs(combination)) >= least:
                chosen.append(combination)
                missing -= new
    return chosen


def _pairs(combination: Combination) -> set[Any]:
    return set(itertools.combinations(enumerate(combination.names), 2))
