"""The group `slipway:exposure`: how clients reach the model."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.clouds import CLOUDS
from infra.settings.values import (
    CONFIG,
    DnsLabel,
    DnsSubdomain,
    LabelKey,
    ScalarText,
    either,
    formerly,
    invalid,
)

ExposureType = Literal["LoadBalancer", "NodePort", "ClusterIP", "Ingress", "Gateway"]
IpFamily = Literal["IPv4", "IPv6"]

ROUTED: Sequence[ExposureType] = ("Ingress", "Gateway")
"""The types with a host name, where a proxy of the cluster forwards the requests."""

NODE_PORTS = range(30000, 32768)
"""The API server's default --service-node-port-range."""

PATH = re.compile(r"(/[0-9A-Za-z._~-]+)*")
OWN_PATHS = ("docs", "health", "openapi.json", "predict", "swagger-ui", "v2", "web")
"""First parts of the server's own paths, with which no root path may begin. A test compares them."""


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise invalid(
            "a network in CIDR notation without host bits, e.g. 203.0.113.0/24 or 2001:db8::/32"
        ) from None


def _path(text: str) -> str:
    if not PATH.fullmatch(text):
        raise invalid("a path that starts with / and does not end with it, e.g. /models/cats")
    if text.split("/")[1:2] and text.split("/")[1] in OWN_PATHS:
        raise invalid(f"a path whose first part is not one of the server's own: {', '.join(OWN_PATHS)}")
    return text


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Gateway:
    """An existing Gateway of the Gateway API."""

    name: DnsSubdomain
    """Name of the Gateway."""

    namespace: DnsLabel | None = None
    """Its namespace, whose routes it must allow. Empty, it is the namespace of the service."""

    listener: DnsSubdomain | None = None
    """Name of the listener that takes the requests. Empty, each that fits does."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Tls:
    """Where the certificate of the hosts comes from: one of these."""

    secret: DnsSubdomain | None = None
    """An existing Secret of type kubernetes.io/tls, in the namespace of the service."""

    issuer: DnsSubdomain | None = None
    """An Issuer of cert-manager, in the namespace of the service."""

    cluster_issuer: DnsSubdomain | None = None
    """A ClusterIssuer of cert-manager."""

    external: bool = False
    """Whether the ingress controller or the Gateway has a certificate of its own for the hosts."""

    @property
    def sources(self) -> int:
        """The number of places that the certificate comes from."""
        return sum(bool(source) for source in (self.secret, self.issuer, self.cluster_issuer, self.external))

    @property
    def is_renewed(self) -> bool:
        """Whether cert-manager keeps the certificate, and renews it."""
        return bool(self.issuer or self.cluster_issuer)


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Exposure:
    """How clients reach the model. docs/exposure.md shows each type."""

    type: Annotated[ExposureType, formerly("serviceType")] = "LoadBalancer"
    """LoadBalancer, NodePort, ClusterIP, Ingress or Gateway (an HTTPRoute of the Gateway API)."""

    node_port: Annotated[int, formerly("nodePort")] = 0
    """Port on the nodes, with the type NodePort. 0 lets the cluster choose."""

    hosts: Annotated[tuple[DnsSubdomain, ...], Field(validate_default=True)] = ()
    """DNS names of the model, with the types Ingress and Gateway. The URL has the first."""

    path: Annotated[str, AfterValidator(_path)] = ""
    """Prefix of the paths of requests, e.g. /models/cats. The server also answers requests from which a
    proxy has removed it."""

    ingress_class_name: DnsSubdomain | None = None
    """Class of the ingress controller, with the type Ingress. Empty, it is the cluster's default class."""

    gateway: Annotated[Gateway | None, Field(validate_default=True)] = None
    """The Gateway, with the type Gateway."""

    tls: Tls | None = None
    """The certificate, with the types Ingress and Gateway. Empty, requests are not encrypted."""

    service_annotations: Mapping[LabelKey, ScalarText] = field(default_factory=dict[str, str])
    """Annotations of the Service, such as those of a cloud's load balancer."""

    route_annotations: Mapping[LabelKey, ScalarText] = field(default_factory=dict[str, str])
    """Annotations of the Ingress or the HTTPRoute, such as those of an ingress controller."""

    source_ranges: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Networks that may connect to a load balancer, e.g. 203.0.113.0/24. Empty, everybody may."""

    internal: bool = False
    """Whether a load balancer has an address in the network of the cluster only, on gke, eks and aks."""

    ip_families: Annotated[tuple[IpFamily, ...], Field(max_length=2)] = ()
    """IP versions of the Service, the preferred first: IPv4, IPv6 or both. Empty, the cluster decides."""

    @field_validator("node_port")
    @classmethod
    def _fits_the_type(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("type", "NodePort") != "NodePort":
            raise invalid("0, unless type is NodePort")
        if value and value not in NODE_PORTS:
            raise invalid(f"0, or from {NODE_PORTS.start} to {NODE_PORTS.stop - 1}")
        return value

    @field_validator("hosts")
    @classmethod
    def _name_what_is_routed(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        kind = info.data.get("type")
        if kind in ROUTED and not value:
            raise invalid(f"at least one DNS name, for type is {kind}")
        if kind not in (None, *ROUTED) and value:
            raise invalid(f"empty, unless type is {either(ROUTED)}")
        return value

    @field_validator("gateway")
    @classmethod
    def _is_the_type(cls, value: Gateway | None, info: ValidationInfo) -> Gateway | None:
        kind = info.data.get("type", "?")
        if kind == "Gateway" and value is None:
            raise invalid("the name of a Gateway, for type is Gateway: `gateway: {name: NAME}`")
        if kind not in ("?", "Gateway") and value:
            raise invalid("empty, unless type is Gateway")
        return value

    @field_validator("ingress_class_name")
    @classmethod
    def _belongs_to_an_ingress(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("type", "Ingress") != "Ingress":
            raise invalid("empty, unless type is Ingress")
        return value

    @field_validator("tls")
    @classmethod
    def _has_one_source(cls, value: Tls | None, info: ValidationInfo) -> Tls | None:
        kind = info.data.get("type")
        if value is None or kind is None:
            return value
        if kind not in ROUTED:
            raise invalid(f"empty, unless type is {either(ROUTED)}, which encrypt requests")
        if value.sources != 1:
            raise invalid("one of secret, issuer, clusterIssuer and external")
        if kind == "Gateway" and not value.external:
            raise invalid("external: true, for type is Gateway, whose listener has the certificate")
        gateway = info.data.get("gateway")
        if gateway and not gateway.listener:
            raise invalid("empty, unless gateway.listener names the listener that has the certificate")
        return value

    @field_validator("route_annotations")
    @classmethod
    def _belong_to_a_route(cls, value: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        if value and info.data.get("type", "Ingress") not in ROUTED:
            raise invalid(f"empty, unless type is {either(ROUTED)}")
        return value

    @field_validator("source_ranges", "internal")
    @classmethod
    def _belongs_to_a_load_balancer(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("type", "LoadBalancer") != "LoadBalancer":
            nothing = "false" if info.field_name == "internal" else "empty"
            raise invalid(f"{nothing}, unless type is LoadBalancer")
        return value

    @field_validator("ip_families")
    @classmethod
    def _are_different(cls, value: tuple[IpFamily, ...]) -> tuple[IpFamily, ...]:
        if len(set(value)) < len(value):
            raise invalid("each of IPv4 and IPv6 at most once")
        return value


def fits_the_cluster(exposure: Exposure, info: ValidationInfo) -> Exposure:
    """Check what depends on the kind of cluster.

    Raises:
        PydanticCustomError: an internal load balancer is wanted where its annotation is not known.

    """
    able = [name for name, cloud in CLOUDS.items() if cloud.internal_load_balancer]
    if exposure.internal and info.data.get("cluster", able[0]) not in able:
        raise invalid(
            f"false, unless cluster is {either(able)}: elsewhere exposure.serviceAnnotations needs the "
            "annotation of an internal load balancer",
            "internal",
        )
    return exposure
