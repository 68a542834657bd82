"""The address at which a Service is reached."""

from typing import Literal

import pulumi
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.core.v1.outputs import ServiceSpec, ServiceStatus


def service_url(
    name: str,
    service: Service,
    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"],
    namespace: pulumi.Input[str],
    node_address: str,
) -> pulumi.Output[str]:
    """Return the URL of a Service; `pending` until its load balancer has an address.

    Args:
        name: Name of the Service.
        service: The Service.
        service_type: Its type.
        namespace: Its namespace.
        node_address: Address of a node, for the type `NodePort`.

    """
    if service_type == "ClusterIP":
        return pulumi.Output.from_input(namespace).apply(lambda known: f"http://{name}.{known}.svc")
    if service_type == "NodePort":
        return service.spec.apply(lambda spec: f"http://{node_address}:{_node_port(spec)}")
    return service.status.apply(_load_balancer_url)


def _node_port(spec: ServiceSpec) -> int | None:
    return spec.ports[0].node_port if spec.ports else None


def _load_balancer_url(status: ServiceStatus | None) -> str:
    ingress = status.load_balancer.ingress if status and status.load_balancer else None
    return f"http://{ingress[0].hostname or ingress[0].ip}" if ingress else "pending"
