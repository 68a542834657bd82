"""How a service is reached: the arguments of everything in this folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from infra.clouds import CLOUDS
from infra.settings import Settings
from infra.settings.exposure import ROUTED, ExposureType, IpFamily, Tls


@dataclass(frozen=True, kw_only=True)
class IssuerArgs:
    """An issuer of cert-manager."""

    kind: Literal["Issuer", "ClusterIssuer"]
    name: str


@dataclass(frozen=True, kw_only=True)
class TlsArgs:
    """Where the certificate of the hosts comes from. Without any, the proxy has a certificate of its own."""

    secret: str | None = None
    """An existing Secret of type `kubernetes.io/tls`, in the namespace of the service."""

    issuer: IssuerArgs | None = None
    """An issuer of cert-manager, which gets a certificate and renews it."""

    @classmethod
    def of(cls, tls: Tls) -> "TlsArgs":
        """Take the source of the certificate from the settings."""
        if tls.issuer:
            return cls(issuer=IssuerArgs(kind="Issuer", name=tls.issuer))
        if tls.cluster_issuer:
            return cls(issuer=IssuerArgs(kind="ClusterIssuer", name=tls.cluster_issuer))
        return cls(secret=tls.secret)


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """An existing Gateway of the Gateway API."""

    name: str
    namespace: str | None = None
    """None means the namespace of the service."""

    listener: str | None = None
    """The listener that takes the requests. None means each that fits."""


@dataclass(frozen=True, kw_only=True)
class ExposureArgs:
    """How clients reach a service."""

    type: ExposureType = "ClusterIP"
    """`ClusterIP` is reached from within the cluster only."""

    node_port: int | None = None
    """Port on the nodes, with the type `NodePort`. None lets the cluster choose."""

    node_address: str = "<node>"
    """Address of a node, as the URL shows it with the type `NodePort`."""

    hosts: Sequence[str] = ()
    """DNS names, with the types `Ingress` and `Gateway`. The URL has the first."""

    path: str = ""
    """Prefix of the paths of requests, such as `/models/cats`. It is not removed on the way, because no field
    of an Ingress does it: `ServerArgs.root_path` must be the same."""

    ingress_class_name: str | None = None
    """Which ingress controller serves the Ingress. None means the default one of the cluster."""

    gateway: GatewayArgs | None = None
    """Required with the type `Gateway`."""

    tls: TlsArgs | None = None
    """With the types `Ingress` and `Gateway`. None means plain HTTP."""

    service_annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    route_annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    """Annotations of the Ingress or the HTTPRoute."""

    source_ranges: Sequence[str] = ()
    """Networks in CIDR notation that may connect, with the type `LoadBalancer`. Empty, everybody may."""

    is_internal: bool = False
    """Whether `service_annotations` give the load balancer an address in the cluster's network only."""

    ip_families: Sequence[IpFamily] = ()
    """IP versions of the Service, the preferred first. Empty, it has the cluster's default."""

    def __post_init__(self) -> None:
        """Check what the types do not.

        Raises:
            pulumi.RunError: Two of the values do not fit together.

        """
        if self.type in ROUTED and not self.hosts:
            raise pulumi.RunError(f"hosts: {self.hosts}: at least one, for type is {self.type}")
        if (self.gateway is not None) != (self.type == "Gateway"):
            raise pulumi.RunError(f"gateway: {self.gateway}: a Gateway if, and only if, type is Gateway")
        if self.type == "Gateway" and self.tls and (self.tls.secret or self.tls.issuer):
            raise pulumi.RunError("tls: TlsArgs(), for type is Gateway, whose listener has the certificate")

    @classmethod
    def of(cls, settings: Settings) -> "ExposureArgs":
        """Take from the settings what concerns exposure."""
        exposure, gateway = settings.exposure, settings.exposure.gateway
        cloud = CLOUDS.get(settings.cluster)
        internal = cloud.internal_load_balancer if cloud and exposure.internal else dict[str, str]()
        return cls(
            type=exposure.type,
            node_port=exposure.node_port or None,
            **({"node_address": "127.0.0.1"} if settings.cluster == "local" else {}),
            hosts=exposure.hosts,
            path=exposure.path,
            ingress_class_name=exposure.ingress_class_name,
            gateway=GatewayArgs(name=gateway.name, namespace=gateway.namespace, listener=gateway.listener)
            if gateway
            else None,
            tls=TlsArgs.of(exposure.tls) if exposure.tls else None,
            service_annotations={**internal, **exposure.service_annotations},
            route_annotations=exposure.route_annotations,
            source_ranges=exposure.source_ranges,
            is_internal=exposure.internal,
            ip_families=exposure.ip_families,
        )
