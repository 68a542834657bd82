"""A platform team's own Pulumi program: two models in one namespace, served by Slipway's components.

It reads none of Slipway's settings: the components take all that they need as arguments. The images exist
already, for example from a pipeline that runs `docker build` on `app/`.
"""

import sys
from pathlib import Path

import pulumi

# Slipway is not a package on an index: put its checkout, here two folders up, on the import path.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from infra.autoscaling import ScalingArgs
from infra.autoscaling.metric import Metric
from infra.cluster import Cluster, ClusterArgs
from infra.exposure import ExposureArgs
from infra.model_monitoring import ModelMonitoring, ModelMonitoringArgs
from infra.objectives import ObjectivesArgs
from infra.pod import ResourcesArgs
from infra.server import ServerArgs
from infra.service import ModelService, ModelServiceArgs

PROMETHEUS = "http://prometheus-operated.monitoring:9090"

namespace = pulumi.Config().require("namespace")
instance = pulumi.get_stack()
cluster = Cluster("cluster", ClusterArgs(namespace=namespace, instance=instance))
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])

# A small model that follows CPU, with the server's own defaults.
digits = ModelService(
    "digits",
    ModelServiceArgs(
        model="digits",
        version="4b1d8f20c9aa",
        image="ghcr.io/acme/digits:4b1d8f20c9aa-onnx",
        namespace=cluster.namespace,
        instance=instance,
        resources=ResourcesArgs(
            cpu_request="250m", cpu_limit="500m", memory_request="256Mi", memory_limit="512Mi"
        ),
        scaling=ScalingArgs(min_replicas=2, max_replicas=4, target_cpu_utilization=60),
    ),
    in_cluster,
)

# A larger one that follows its queue by KEDA, and is monitored.
cats_scaling = ScalingArgs(
    min_replicas=2,
    max_replicas=20,
    target_cpu_utilization=70,
    backend="keda",
    metric=Metric.of_signal("queue-depth", target=8, namespace=namespace, service="cats"),
    prometheus_url=PROMETHEUS,
)
cats_server = ServerArgs(batch_size=16, drain_delay_seconds=5, drain_timeout_seconds=20)
cats = ModelService(
    "cats",
    ModelServiceArgs(
        model="cats",
        version="2e00a27ca0a0",
        image="ghcr.io/acme/cats:2e00a27ca0a0-onnx",
        namespace=cluster.namespace,
        instance=instance,
        resources=ResourcesArgs(cpu_request="1", cpu_limit="2", memory_request="1Gi", memory_limit="2Gi"),
        scaling=cats_scaling,
        server=cats_server,
        exposure=ExposureArgs(type="LoadBalancer", source_ranges=["203.0.113.0/24"]),
    ),
    in_cluster,
)
ModelMonitoring(
    "cats",
    ModelMonitoringArgs(
        model="cats",
        version="2e00a27ca0a0",
        namespace=cluster.namespace,
        instance=instance,
        objectives=ObjectivesArgs(
            availability_percent=99.9, latency_seconds=0.5, latency_percent=99, window_days=30
        ),
        scaling=cats_scaling,
        server=cats_server,
        runbooks="https://example.com/runbooks",
    ),
    in_cluster,
)

pulumi.export("digits", digits.url)
pulumi.export("cats", cats.url)
