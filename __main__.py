"""Slipway's Pulumi program: trained models as scalable, monitored services on Kubernetes."""

import pulumi

from infra.cluster import Cluster, ClusterArgs
from infra.gpu.pool import GpuNodePool, GpuNodePoolArgs
from infra.image import ModelImage, ModelImageArgs
from infra.model_monitoring import ModelMonitoring, ModelMonitoringArgs
from infra.models import aliases, artifacts, outputs
from infra.monitoring_stack import MonitoringStack, MonitoringStackArgs
from infra.service import ModelService, ModelServiceArgs
from infra.settings import Settings

settings = Settings.load()
instance = pulumi.get_stack()
models = artifacts(settings)

cluster = Cluster("cluster", ClusterArgs.of(settings, instance))
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])
# Resources that must exist in the cluster before the model services start.
monitoring: list[pulumi.Resource] = []
gpu_nodes: list[pulumi.Resource] = []
if settings.monitoring == "install":
    monitoring.append(MonitoringStack("monitoring", MonitoringStackArgs.of(settings, instance), in_cluster))
if settings.device == "gpu" and cluster.cloud:
    gpu_nodes.append(GpuNodePool("gpu", GpuNodePoolArgs.of(settings, cluster.cloud, monitoring), in_cluster))

served: dict[str, dict[str, pulumi.Input[str]]] = {}
for model, artifact in models:
    name, former = model.service, aliases(settings, model)
    image = (
        model.image
        or ModelImage(
            name, ModelImageArgs.of(model, artifact), pulumi.ResourceOptions(aliases=former)
        ).ref
    )
    service = ModelService(
        name,
        ModelServiceArgs.of(model, artifact, image, cluster.namespace, instance),
        pulumi.ResourceOptions(
            providers=[cluster.provider], depends_on=[*monitoring, *gpu_nodes], aliases=former
        ),
    )
    if settings.is_monitored:
        ModelMonitoring(
            name,
            ModelMonitoringArgs.of(model, artifact, cluster.namespace, instance),
            pulumi.ResourceOptions(providers=[cluster.provider], depends_on=monitoring, aliases=former),
        )
    served[model.model] = {"url": service.url, "image": image, "modelVersion": artifact.version}

pulumi.export("namespace", cluster.namespace)
for key, value in outputs(settings, served).items():
    pulumi.export(key, value)
