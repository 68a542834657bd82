"""An Ingress: an ingress controller of the cluster forwards requests by host and path."""

import pulumi
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    HTTPIngressPathArgs,
    HTTPIngressRuleValueArgs,
    Ingress,
    IngressBackendArgs,
    IngressRuleArgs,
    IngressServiceBackendArgs,
    IngressSpecArgs,
    IngressTLSArgs,
    ServiceBackendPortArgs,
)

from infra.exposure.args import ExposureArgs


def ingress(
    name: str,
    metadata: ObjectMetaArgs,
    service: Service,
    args: ExposureArgs,
    secret: str | None,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare the Ingress.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels.
        service: The Service that gets the requests.
        args: Hosts and path, and whether requests are encrypted.
        secret: Secret with the certificate. None means that the controller has one for the hosts.
        opts: Options of the Ingress.

    """
    path = HTTPIngressPathArgs(
        path=args.path or "/",
        path_type="Prefix",
        backend=IngressBackendArgs(
            service=IngressServiceBackendArgs(
                name=service.metadata["name"], port=ServiceBackendPortArgs(name="http")
            )
        ),
    )
    Ingress(
        name,
        metadata=ObjectMetaArgs(
            name=metadata.name,
            namespace=metadata.namespace,
            labels=metadata.labels,
            annotations=dict(args.route_annotations) or None,
        ),
        spec=IngressSpecArgs(
            ingress_class_name=args.ingress_class_name,
            rules=[
                IngressRuleArgs(host=host, http=HTTPIngressRuleValueArgs(paths=[path])) for host in args.hosts
            ],
            tls=[IngressTLSArgs(hosts=list(args.hosts), secret_name=secret)] if args.tls else None,
        ),
        opts=opts,
    )
