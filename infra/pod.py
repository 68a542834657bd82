"""The pod that serves a model: one hardened container whose probes tell the truth."""

from dataclasses import dataclass

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

from infra.gpu.nodes import NODE_SECONDS, RESOURCE, affinity, tolerations
from infra.settings import Settings

HTTP_PORT = 8000
METRICS_PORT = 8001
METRICS_PATH = "/metrics"
MODEL_PATH = "/model"
"""Where the image holds the artifact."""

NONROOT = 65532
"""The user of the image, as distroless numbers it."""

START_SECONDS = 300
"""How long a model may take to load and warm up before the kubelet starts over."""

_PROBE_PERIOD_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What the pod runs, with how much, and by which names it is found."""

    settings: Settings
    selector: dict[str, str]
    image: pulumi.Input[str]
    config: pulumi.Input[str]
    """Name of the ConfigMap with the server's environment."""

    service_account: pulumi.Input[str]
    pull_secret: pulumi.Input[str] | None


def environment(settings: Settings) -> dict[str, str]:
    """Return the server's settings, as `app/settings.py` reads them."""
    given: dict[str, object] = {
        "MODEL_PATH": MODEL_PATH,
        "RUNTIME": settings.runtime,
        "DEVICE": settings.device,
        "BATCH_SIZE": settings.batch_size,
        "QUEUE_SIZE": settings.queue_size,
        "REQUEST_TIMEOUT_SECONDS": settings.request_timeout_seconds,
        "MAX_BODY_BYTES": settings.max_body_bytes,
        "THREADS": settings.threads or None,
        "LOG_LEVEL": settings.log_level,
        "PORT": HTTP_PORT,
        "METRICS_PORT": METRICS_PORT,
        "DRAIN_DELAY_SECONDS": settings.drain_delay_seconds,
        "DRAIN_TIMEOUT_SECONDS": settings.drain_timeout_seconds,
    }
    ours = {f"SLIPWAY_{name}": str(value) for name, value in given.items() if value is not None}
    traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": str(settings.otlp_endpoint)} if settings.otlp_endpoint else {}
    return ours | traces


def annotations(settings: Settings) -> dict[str, str] | None:
    """Return where the pod is scraped, for a Prometheus that no operator tells so; None where one does."""
    if settings.monitoring != "none":
        return None
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(METRICS_PORT),
        "prometheus.io/path": METRICS_PATH,
    }


def start_seconds(settings: Settings) -> int:
    """Return how long a pod may take until it is ready; one that wants a GPU, from before there is a node."""
    return START_SECONDS + (NODE_SECONDS if settings.device == "gpu" else 0)


def pod_spec(args: PodArgs) -> PodSpecArgs:
    """Return the pod's specification. It meets the restricted Pod Security Standard."""
    settings = args.settings
    return PodSpecArgs(
        service_account_name=args.service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        termination_grace_period_seconds=settings.termination_grace_period_seconds,
        image_pull_secrets=[LocalObjectReferenceArgs(name=args.pull_secret)] if args.pull_secret else None,
        security_context=PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=NONROOT,
            run_as_group=NONROOT,
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
        topology_spread_constraints=[
            TopologySpreadConstraintArgs(
                max_skew=1,
                topology_key=key,
                when_unsatisfiable="ScheduleAnyway",
                label_selector=LabelSelectorArgs(match_labels=args.selector),
                # Pods of the version being replaced must not count.
                match_label_keys=["pod-template-hash"],
            )
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        tolerations=tolerations(settings),
        affinity=affinity(settings),
        containers=[
            ContainerArgs(
                name="server",
                image=args.image,
                ports=[
                    ContainerPortArgs(name="http", container_port=HTTP_PORT),
                    ContainerPortArgs(name="metrics", container_port=METRICS_PORT),
                ],
                env_from=[EnvFromSourceArgs(config_map_ref=ConfigMapEnvSourceArgs(name=args.config))],
                startup_probe=_probe("/health", period=1, failures=START_SECONDS),
                readiness_probe=_probe("/health/ready", period=_PROBE_PERIOD_SECONDS, failures=1),
                liveness_probe=_probe("/health/live", period=_PROBE_PERIOD_SECONDS, failures=6),
                resources=ResourceRequirementsArgs(
                    requests={"cpu": settings.cpu_request, "memory": settings.memory_request},
                    limits={
                        "cpu": settings.cpu_limit,
                        "memory": settings.memory_limit,
                        # A GPU's request is its limit, unsaid.
                        **({RESOURCE: "1"} if settings.device == "gpu" else {}),
                    },
                ),
                security_context=SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=CapabilitiesArgs(drop=["ALL"]),
                ),
            )
        ],
    )


def _probe(path: str, *, period: int, failures: int) -> ProbeArgs:
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period,
        # A pod at its CPU limit answers late, which is no reason to restart it.
        timeout_seconds=_PROBE_PERIOD_SECONDS,
        failure_threshold=failures,
    )
