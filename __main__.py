"""A trained model to a scalable, watched service on Kubernetes."""

import pulumi

from infra.artifact import Artifact
from infra.cluster import Cluster, ClusterArgs
from infra.gpu import gpu_node_pool
from infra.image import ModelImage, ModelImageArgs
from infra.model_monitoring import ModelMonitoring, ModelMonitoringArgs
from infra.monitoring_stack import monitoring_stack
from infra.service import ModelService, ModelServiceArgs
from infra.settings import Settings

settings = Settings.load()
artifact = Artifact.find(settings)

cluster = Cluster("cluster", ClusterArgs.of(settings, pulumi.get_stack()))
stack = monitoring_stack(settings, cluster)
pool = gpu_node_pool(settings, cluster, [stack] if stack else [])
image = ModelImage("model", ModelImageArgs.of(settings, artifact))
service = ModelService(
    "model",
    ModelServiceArgs(
        settings=settings,
        artifact=artifact,
        image=image.ref,
        namespace=cluster.namespace,
        instance=pulumi.get_stack(),
    ),
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[one for one in (stack, pool) if one]),
)
ModelMonitoring(
    "model",
    ModelMonitoringArgs(
        settings=settings, artifact=artifact, namespace=cluster.namespace, instance=pulumi.get_stack()
    ),
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[stack] if stack else []),
)

pulumi.export("url", service.url)
pulumi.export("image", image.ref)
pulumi.export("modelVersion", artifact.version)
pulumi.export("namespace", cluster.namespace)
