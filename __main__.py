"""Slipway's Pulumi program: a trained model as a scalable, monitored service on Kubernetes."""

import pulumi

from infra.alerting import Alerting, AlertingArgs
from infra.artifact import Artifact
from infra.autoscaling import adapter_rule
from infra.cluster import Cluster, ClusterArgs
from infra.gpu.pool import GpuNodePool, GpuNodePoolArgs
from infra.image import ModelImage, ModelImageArgs
from infra.memory import memory_advice
from infra.model_monitoring import ModelMonitoring, ModelMonitoringArgs
from infra.monitoring_stack import MonitoringStack, MonitoringStackArgs
from infra.service import ModelService, ModelServiceArgs
from infra.settings import Settings

settings = Settings.load()
instance = pulumi.get_stack()
artifact = Artifact.find(settings.model_directory, settings.model, settings.model_version, settings.runtime)

cluster = Cluster("cluster", ClusterArgs.of(settings, instance))
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])
# Resources that must exist in the cluster before the model service starts.
monitoring: list[pulumi.Resource] = []
gpu_nodes: list[pulumi.Resource] = []
if settings.monitoring == "install":
    monitoring.append(MonitoringStack("monitoring", MonitoringStackArgs.of(settings, instance), in_cluster))
if settings.device == "gpu" and cluster.cloud:
    gpu_nodes.append(GpuNodePool("gpu", GpuNodePoolArgs.of(settings, cluster.cloud, monitoring), in_cluster))

if advice := memory_advice(settings.runtime, settings.memory_request):
    pulumi.log.info(advice)
image = settings.image or ModelImage("model", ModelImageArgs.of(settings, artifact)).ref
service = ModelService(
    "model",
    ModelServiceArgs.of(settings, artifact, image, cluster.namespace, instance),
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[*monitoring, *gpu_nodes]),
)
if settings.is_monitored:
    ModelMonitoring(
        "model",
        ModelMonitoringArgs.of(settings, artifact, cluster.namespace, instance),
        pulumi.ResourceOptions(providers=[cluster.provider], depends_on=monitoring),
    )

if settings.alerts.has_receivers:
    Alerting(
        "alerting",
        AlertingArgs.of(settings, cluster.namespace, instance),
        pulumi.ResourceOptions(providers=[cluster.provider], depends_on=monitoring),
    )

pulumi.export("url", service.url)
pulumi.export("image", image)
pulumi.export("modelVersion", artifact.version)
pulumi.export("namespace", cluster.namespace)
if settings.monitoring == "existing" and (rule := adapter_rule(settings)):
    # What the cluster's prometheus-adapter must have.
    pulumi.export("prometheusAdapterRule", rule)
