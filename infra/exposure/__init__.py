"""How clients reach a model: its Service, and what may lie before it."""

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.exposure.args import ExposureArgs, GatewayArgs, IssuerArgs, TlsArgs
from infra.exposure.certificate import certificate
from infra.exposure.http_route import http_route
from infra.exposure.ingress import ingress
from infra.exposure.protection import warning
from infra.exposure.service import service
from infra.exposure.url import url

__all__ = ["ExposureArgs", "GatewayArgs", "IssuerArgs", "TlsArgs", "expose", "warning"]


def expose(
    name: str,
    metadata: ObjectMetaArgs,
    selector: dict[str, str],
    args: ExposureArgs,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Declare the objects by which clients reach a model, all under one name, and return its URL.

    Args:
        name: Prefix of the resource names, and name of the objects.
        metadata: Name, namespace and labels of the objects.
        selector: Labels of the pods.
        args: How clients reach them.
        opts: Options of the objects.

    """
    declared = service(f"{name}-service", metadata, selector, args, opts)
    secret = args.tls.secret if args.tls else None
    if args.tls and args.tls.issuer:
        secret = f"{name}-tls"
        certificate(f"{name}-certificate", metadata, secret, args.tls.issuer, args.hosts, opts)
    if args.type == "Ingress":
        ingress(f"{name}-ingress", metadata, declared, args, secret, opts)
    if args.gateway:
        http_route(f"{name}-route", metadata, declared, args, args.gateway, opts)
    return url(name, metadata.namespace, declared, args)
