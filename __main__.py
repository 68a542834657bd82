"""Slipway's Pulumi program: trained models as scalable, monitored services on Kubernetes."""

import pulumi

from infra.alerting import Alerting, AlertingArgs
from infra.cluster import Cluster, ClusterArgs
from infra.gpu.pool import GpuNodePool, GpuNodePoolArgs
from infra.image import ModelImage, ModelImageArgs
from infra.memory import memory_advice
from infra.mirror import take_charts_from
from infra.model_monitoring import ModelMonitoring, ModelMonitoringArgs
from infra.models import aliases, artifacts, outputs
from infra.monitoring_stack import MonitoringStack, MonitoringStackArgs
from infra.service import ModelService, ModelServiceArgs
from infra.settings import Settings

# The settings of each model. What concerns the stack as a whole is the same in all of them.
models = Settings.load()
settings, instance = models[0], pulumi.get_stack()
served_artifacts = artifacts(models)

if settings.mirror:
    take_charts_from(settings.mirror)
cluster = Cluster("cluster", ClusterArgs.of(settings, instance))
in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])
# Resources that must exist in the cluster before a model service starts.
monitoring: list[pulumi.Resource] = []
gpu_nodes: list[pulumi.Resource] = []
if settings.monitoring == "install":
    if cluster.cloud:
        cluster.cloud.before_monitoring()
    monitoring.append(MonitoringStack("monitoring", MonitoringStackArgs.of(models, instance), in_cluster))
if settings.device == "gpu" and cluster.cloud:
    gpu_nodes.append(GpuNodePool("gpu", GpuNodePoolArgs.of(settings, cluster.cloud, monitoring), in_cluster))

served: dict[str, dict[str, pulumi.Input[str]]] = {}
for model, artifact in zip(models, served_artifacts, strict=True):
    name, former = model.service, aliases(models, model)
    renamed = pulumi.ResourceOptions(aliases=former)
    if advice := memory_advice(model.runtime, model.memory_request):
        pulumi.log.info(advice)
    image = model.image or ModelImage(name, ModelImageArgs.of(model, artifact), renamed).ref
    service = ModelService(
        name,
        ModelServiceArgs.of(model, artifact, image, cluster.namespace, instance),
        pulumi.ResourceOptions(
            aliases=former, providers=[cluster.provider], depends_on=[*monitoring, *gpu_nodes]
        ),
    )
    if model.is_monitored:
        ModelMonitoring(
            name,
            ModelMonitoringArgs.of(model, artifact, cluster.namespace, instance),
            pulumi.ResourceOptions(aliases=former, providers=[cluster.provider], depends_on=monitoring),
        )
    served[model.model] = {"url": service.url, "image": image, "modelVersion": artifact.version}

if settings.alerts.has_receivers:
    Alerting(
        "alerting",
        AlertingArgs.of(models, cluster.namespace, instance),
        pulumi.ResourceOptions(providers=[cluster.provider], depends_on=monitoring),
    )

for key, value in outputs(models, served).items():
    pulumi.export(key, value)
pulumi.export("namespace", cluster.namespace)
