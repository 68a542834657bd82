"""An HTTPRoute of the Gateway API: an existing Gateway forwards requests by host and path.

The types are a subset of https://gateway-api.sigs.k8s.io/reference/spec/#httproute.
"""

from typing import Literal, NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.exposure.args import ExposureArgs, GatewayArgs
from infra.exposure.service import SERVICE_PORT


class ParentReference(TypedDict):
    """The Gateway that serves the route, and its listener."""

    name: str
    namespace: NotRequired[str]
    sectionName: NotRequired[str]


class PathMatch(TypedDict):
    """The paths that a route takes."""

    type: Literal["PathPrefix"]
    value: str


class RouteMatch(TypedDict):
    """The requests that a rule takes."""

    path: PathMatch


class BackendReference(TypedDict):
    """The Service that gets the requests."""

    name: pulumi.Input[str]
    port: int


class RouteRule(TypedDict):
    """Where requests go."""

    matches: list[RouteMatch]
    backendRefs: list[BackendReference]


class HttpRouteSpec(TypedDict):
    """The specification of an HTTPRoute."""

    parentRefs: list[ParentReference]
    hostnames: list[str]
    rules: list[RouteRule]


def http_route(
    name: str,
    metadata: ObjectMetaArgs,
    service: Service,
    args: ExposureArgs,
    gateway: GatewayArgs,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare the HTTPRoute.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels.
        service: The Service that gets the requests.
        args: Hosts and path.
        gateway: The Gateway that serves the route.
        opts: Options of the HTTPRoute.

    """
    spec: HttpRouteSpec = {
        "parentRefs": [_parent(gateway)],
        "hostnames": list(args.hosts),
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": args.path or "/"}}],
                "backendRefs": [{"name": service.metadata["name"], "port": SERVICE_PORT}],
            }
        ],
    }
    CustomResource(
        name,
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata=ObjectMetaArgs(
            name=metadata.name,
            namespace=metadata.namespace,
            labels=metadata.labels,
            annotations=dict(args.route_annotations) or None,
        ),
        spec=spec,
        opts=opts,
    )


def _parent(gateway: GatewayArgs) -> ParentReference:
    parent: ParentReference = {"name": gateway.name}
    if gateway.namespace:
        parent["namespace"] = gateway.namespace
    if gateway.listener:
        parent["sectionName"] = gateway.listener
    return parent
