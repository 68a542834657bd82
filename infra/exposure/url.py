"""The address at which clients reach a service."""

from ipaddress import IPv6Address

import pulumi
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.core.v1.outputs import ServiceSpec, ServiceStatus

from infra.exposure.args import ExposureArgs
from infra.settings.exposure import ROUTED

PENDING = "pending"


def url(
    name: str, namespace: pulumi.Input[str | None] | None, service: Service, args: ExposureArgs
) -> pulumi.Output[str]:
    """Return the URL of a service; `pending` until its load balancer has an address.

    Args:
        name: Name of the Service.
        namespace: Its namespace.
        service: The Service.
        args: How it is reached.

    """
    if args.type in ROUTED:
        scheme = "https" if args.tls else "http"
        return pulumi.Output.from_input(f"{scheme}://{args.hosts[0]}{args.path}")
    if args.type == "ClusterIP":
        return pulumi.Output.from_input(namespace).apply(
            lambda known: f"http://{name}.{known}.svc{args.path}"
        )
    if args.type == "NodePort":
        return service.spec.apply(
            lambda spec: f"http://{bracketed(args.node_address)}:{_node_port(spec)}{args.path}"
        )
    return service.status.apply(lambda status: _load_balancer_url(status, args.path))


def bracketed(address: str) -> str:
    """Return an address as a URL has it: an IPv6 address in brackets, any other host as it is.

    https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
    """
    try:
        return f"[{IPv6Address(address)}]"
    except ValueError:
        return address


def _node_port(spec: ServiceSpec) -> int | None:
    return spec.ports[0].node_port if spec.ports else None


def _load_balancer_url(status: ServiceStatus | None, path: str) -> str:
    ingress = status.load_balancer.ingress if status and status.load_balancer else None
    address = (ingress[0].hostname or ingress[0].ip) if ingress else None
    return f"http://{bracketed(address)}{path}" if address else PENDING
