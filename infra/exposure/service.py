"""The Service of a model's pods."""

import pulumi
from pulumi_kubernetes.core.v1 import Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.exposure.args import ExposureArgs
from infra.settings.exposure import ROUTED

SERVICE_PORT = 80


def service(
    name: str,
    metadata: ObjectMetaArgs,
    selector: dict[str, str],
    args: ExposureArgs,
    opts: pulumi.ResourceOptions,
) -> Service:
    """Declare the Service, which an Ingress or an HTTPRoute may lie before.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels.
        selector: Labels of the pods.
        args: How the Service is reached.
        opts: Options of the Service.

    """
    return Service(
        name,
        metadata=ObjectMetaArgs(
            name=metadata.name,
            namespace=metadata.namespace,
            labels=metadata.labels,
            annotations=dict(args.service_annotations) or None,
        ),
        spec=ServiceSpecArgs(
            type="ClusterIP" if args.type in ROUTED else args.type,
            selector=selector,
            ports=[
                ServicePortArgs(name="http", port=SERVICE_PORT, target_port="http", node_port=args.node_port)
            ],
            load_balancer_source_ranges=list(args.source_ranges) or None,
            ip_families=list(args.ip_families) or None,
            ip_family_policy=_policy(args),
        ),
        # A Service with another name cannot have the port before this one is gone.
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(delete_before_replace=args.node_port is not None)
        ),
    )


def _policy(args: ExposureArgs) -> str | None:
    # `PreferDualStack` would silently leave out a family that the cluster lacks.
    return {0: None, 1: "SingleStack", 2: "RequireDualStack"}[len(args.ip_families)]
