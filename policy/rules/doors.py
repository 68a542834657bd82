"""The rule for public doors: what is reached from outside the cluster asks for API keys, and has TLS."""

from collections.abc import Iterator, Mapping, Sequence

from .resource import Properties, Resource, part, parts, selects
from .rule import Broken

INTERNAL: Mapping[str, tuple[str, ...]] = {
    # https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing
    "networking.gke.io/load-balancer-type": ("Internal",),
    "cloud.google.com/load-balancer-type": ("Internal",),
    # https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations
    "service.beta.kubernetes.io/aws-load-balancer-internal": ("true", "0.0.0.0/0"),
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internal",),
    "alb.ingress.kubernetes.io/scheme": ("internal",),
    # https://learn.microsoft.com/azure/aks/internal-lb
    "service.beta.kubernetes.io/azure-load-balancer-internal": ("true",),
    # https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balance-ingress
    "kubernetes.io/ingress.class": ("gce-internal",),
}
"""Annotations that keep a load balancer within the network, and their values."""

CERTIFICATES = (
    "service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
    "alb.ingress.kubernetes.io/certificate-arn",
    "networking.gke.io/managed-certificates",
    "ingress.gcp.kubernetes.io/pre-shared-cert",
)
"""Annotations that give a load balancer a certificate."""

EVERYONE = ("0.0.0.0/0", "::/0")
KEYS_PATH = ("API_KEYS_PATH", "SLIPWAY_API_KEYS_PATH")
"""Names of the environment variable that names the file of API keys."""


def no_open_door(resources: Sequence[Resource]) -> Iterator[Broken]:
    """Find doors that everyone can reach, without API keys, or with keys that cross them in plain text."""
    for door in resources:
        if not _is_public(door):
            continue
        behind = [item for item in resources if selects(_selector(door, resources), item.pod_labels)]
        if not any(_asks_for_keys(item, resources) for item in behind):
            message = "everyone who reaches it can use what is behind it: ask for API keys"
        elif not _has_tls(door, resources):
            message = "API keys cross it in plain text: give it TLS"
        else:
            continue
        yield Broken(
            resource=door, message=f"{message}, or limit it by source ranges or to the cluster's network"
        )


def _is_public(door: Resource) -> bool:
    if any(door.annotations.get(key) in values for key, values in INTERNAL.items()):
        return False
    match door.kind:
        case "Service" if door.spec.get("type") == "LoadBalancer":
            ranges = door.spec.get("loadBalancerSourceRanges") or EVERYONE
            return any(allowed in EVERYONE for allowed in ranges)
        case "Ingress" | "HTTPRoute":
            return True
        case _:
            return False


def _has_tls(door: Resource, resources: Sequence[Resource]) -> bool:
    if any(door.annotations.get(key) for key in CERTIFICATES):
        return True
    if door.kind == "HTTPRoute":
        # The Gateway may be of another stack, which is judged for itself.
        names = {parent.get("name") for parent in parts(door.spec, "parentRefs")}
        gateways = [item for item in resources if item.kind == "Gateway" and item.name in names]
        return not gateways or any(map(_listens_with_tls, gateways))
    return door.kind == "Ingress" and bool(door.spec.get("tls"))


def _listens_with_tls(gateway: Resource) -> bool:
    return any(listener.get("protocol") in ("HTTPS", "TLS") for listener in parts(gateway.spec, "listeners"))


def _selector(door: Resource, resources: Sequence[Resource]) -> Properties | None:
    """Return the labels of the pods behind a door."""
    if door.kind == "Service":
        return door.spec.get("selector")
    names = {*_backends(door)}
    for item in resources:
        if item.kind == "Service" and item.name in names:
            return item.spec.get("selector")
    return None


def _backends(door: Resource) -> Iterator[str | None]:
    """Yield the names of the Services behind an Ingress or an HTTPRoute."""
    yield part(door.spec, "defaultBackend", "service").get("name")
    for rule in parts(door.spec, "rules"):
        for backend in parts(rule, "backendRefs"):
            yield backend.get("name")
        for path in parts(rule, "http", "paths"):
            yield part(path, "backend", "service").get("name")


def _asks_for_keys(workload: Resource, resources: Sequence[Resource]) -> bool:
    """Return whether the environment of a workload names a file of API keys."""
    for container in workload.containers(with_init=False):
        if any(variable.get("name") in KEYS_PATH for variable in parts(container, "env")):
            return True
        maps = {part(source, "configMapRef").get("name") for source in parts(container, "envFrom")}
        for item in resources:
            if item.kind == "ConfigMap" and item.name in maps:
                return any(part(item.properties, "data").get(name) for name in KEYS_PATH)
    return False
