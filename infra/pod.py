"""The pod that serves a model: one hardened container with three probes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMapEnvSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EnvFromSourceArgs,
    HTTPGetActionArgs,
    LocalObjectReferenceArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    TopologySpreadConstraintArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from infra.access import keys_mount, keys_volume
from infra.gpu.nodes import NODE_SECONDS, RESOURCE, PodGpu
from infra.labels import ARCHITECTURE
from infra.placement import place
from infra.server import HTTP_PORT, METRICS_PATH, METRICS_PORT
from infra.settings import Settings
from infra.settings.placement import Placement

NONROOT = 65532
"""User of the image, with the number that distroless images use."""

START_SECONDS = 300
"""How long a model may take to load and warm up before the kubelet restarts the pod."""

_PROBE_PERIOD_SECONDS = 5

SCRAPE_ANNOTATIONS: Mapping[str, str] = {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": str(METRICS_PORT),
    "prometheus.io/path": METRICS_PATH,
}
"""Annotations by which a Prometheus without an operator finds the pods."""


@dataclass(frozen=True, kw_only=True)
class ResourcesArgs:
    """CPU, memory and GPU of a pod, in Kubernetes quantities: `250m`, `512Mi`."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    gpu: PodGpu | None = None
    """None means a pod without a GPU."""

    @property
    def device(self) -> Literal["cpu", "gpu"]:
        """The device that the model runs on."""
        return "gpu" if self.gpu else "cpu"

    @classmethod
    def of(cls, settings: Settings) -> "ResourcesArgs":
        """Take from the settings what concerns a pod's resources."""
        return cls(
            cpu_request=settings.cpu_request,
            cpu_limit=settings.cpu_limit,
            memory_request=settings.memory_request,
            memory_limit=settings.memory_limit,
            gpu=PodGpu.of(settings),
        )


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What a pod runs, with which resources, and how its Deployment finds it."""

    selector: dict[str, str]
    image: pulumi.Input[str]
    config: pulumi.Input[str]
    """Name of the ConfigMap with the server's environment."""

    service_account: pulumi.Input[str]
    pull_secret: pulumi.Input[str] | None
    keys_secret: pulumi.Input[str] | None
    """Name of the Secret with the API keys. None means that requests need no key."""

    resources: ResourcesArgs
    architecture: str | None
    """Architecture that the image is built for, `amd64` or `arm64`. None means that of every node."""

    termination_grace_period_seconds: int | None
    placement: Placement


def start_seconds(resources: ResourcesArgs) -> int:
    """Return how long a pod may take to become ready. With a GPU it may have to wait for a new node."""
    return START_SECONDS + (NODE_SECONDS if resources.gpu else 0)


def pod_spec(args: PodArgs) -> PodSpecArgs:
    """Return the pod's specification, which meets the restricted Pod Security Standard."""
    gpu = args.resources.gpu
    spec = PodSpecArgs(
        service_account_name=args.service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        termination_grace_period_seconds=args.termination_grace_period_seconds,
        image_pull_secrets=[LocalObjectReferenceArgs(name=args.pull_secret)] if args.pull_secret else None,
        security_context=PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=NONROOT,
            run_as_group=NONROOT,
            # The kubelet gives the files of Secrets to root and to this group.
            fs_group=NONROOT if args.keys_secret else None,
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
        topology_spread_constraints=[
            TopologySpreadConstraintArgs(
                max_skew=1,
                topology_key=key,
                # A preference: on a cluster of one node all pods must run there.
                when_unsatisfiable="ScheduleAnyway",
                label_selector=LabelSelectorArgs(match_labels=args.selector),
                # During a rollout, pods of the old version must not count.
                match_label_keys=["pod-template-hash"],
            )
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        node_selector={ARCHITECTURE: args.architecture} if args.architecture else None,
        tolerations=gpu.tolerations() if gpu else None,
        affinity=gpu.affinity() if gpu else None,
        volumes=[keys_volume(args.keys_secret)] if args.keys_secret else None,
        containers=[_container(args)],
    )
    return place(spec, args.placement)


def _container(args: PodArgs) -> ContainerArgs:
    return ContainerArgs(
        name="server",
        image=args.image,
        ports=[
            ContainerPortArgs(name="http", container_port=HTTP_PORT),
            ContainerPortArgs(name="metrics", container_port=METRICS_PORT),
        ],
        env_from=[EnvFromSourceArgs(config_map_ref=ConfigMapEnvSourceArgs(name=args.config))],
        volume_mounts=[keys_mount()] if args.keys_secret else None,
        startup_probe=_probe("/health", period=1, failures=START_SECONDS),
        readiness_probe=_probe("/health/ready", period=_PROBE_PERIOD_SECONDS, failures=1),
        liveness_probe=_probe("/health/live", period=_PROBE_PERIOD_SECONDS, failures=6),
        resources=_requirements(args.resources),
        security_context=SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=CapabilitiesArgs(drop=["ALL"]),
        ),
    )


def _requirements(resources: ResourcesArgs) -> ResourceRequirementsArgs:
    # Kubernetes takes the limit of a GPU as its request.
    gpus = {RESOURCE: "1"} if resources.gpu else {}
    return ResourceRequirementsArgs(
        requests={"cpu": resources.cpu_request, "memory": resources.memory_request},
        limits={"cpu": resources.cpu_limit, "memory": resources.memory_limit, **gpus},
    )


def _probe(path: str, *, period: int, failures: int) -> ProbeArgs:
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period,
        # A pod at its CPU limit answers late. That is no reason to restart it.
        timeout_seconds=_PROBE_PERIOD_SECONDS,
        failure_threshold=failures,
    )
