"""The network policy of a model's pods."""

from urllib.parse import urlsplit

import pulumi
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

DNS_PORT = 53
SCHEME_PORTS = {"http": 80, "https": 443}


def network_policy(
    name: str,
    metadata: ObjectMetaArgs,
    selector: dict[str, str],
    otlp_endpoint: str | None,
    opts: pulumi.ResourceOptions,
) -> NetworkPolicy:
    """Declare the policy: predictions from anywhere, metrics from within the cluster, nothing outgoing.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels.
        selector: Labels of the pods.
        otlp_endpoint: URL of a collector of traces, to which the pods may connect. None allows no connection.
        opts: Options of the policy.

    """
    return NetworkPolicy(
        name,
        metadata=metadata,
        spec=NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=selector),
            policy_types=["Ingress", "Egress"],
            ingress=[
                NetworkPolicyIngressRuleArgs(ports=[NetworkPolicyPortArgs(port="http")]),
                NetworkPolicyIngressRuleArgs(
                    ports=[NetworkPolicyPortArgs(port="metrics")],
                    from_=[NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs())],
                ),
            ],
            egress=[_to_collector(otlp_endpoint)] if otlp_endpoint else None,
        ),
        opts=opts,
    )


def _to_collector(endpoint: str) -> NetworkPolicyEgressRuleArgs:
    url = urlsplit(endpoint)
    dns = [NetworkPolicyPortArgs(port=DNS_PORT, protocol=protocol) for protocol in ("UDP", "TCP")]
    return NetworkPolicyEgressRuleArgs(
        ports=[NetworkPolicyPortArgs(port=url.port or SCHEME_PORTS[url.scheme]), *dns]
    )
