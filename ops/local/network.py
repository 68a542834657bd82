"""The network of the node: a bridge on this machine, to which the pods are attached."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

from ops.commands import output_of

NETWORK = "slipway"
BRIDGE = "slipway0"
SERVICES = "10.96.0.0/16"
PODS = "10.244.0.0/16"
NODE_PODS = "10.244.0.0/24"
"""The addresses of the pods on the only node."""

NODE_IP = str(ip_network(NODE_PODS)[1])
"""The bridge's address, at which the API server and the kubelet listen.

Pods can reach it. Other machines cannot: the cluster listens on no address of their networks.
"""

MAC = "0a:58:" + ":".join(f"{int(part):02x}" for part in NODE_IP.split("."))
"""The MAC address of the bridge. Without a fixed one it would change whenever a pod starts or ends."""


def add_bridge() -> None:
    """Add the bridge with its address. It must exist before the API server starts, which listens on it."""
    prefix = ip_network(NODE_PODS).prefixlen
    output_of(["ip", "link", "add", BRIDGE, "address", MAC, "type", "bridge"])
    output_of(["ip", "address", "add", f"{NODE_IP}/{prefix}", "dev", BRIDGE])
    output_of(["ip", "link", "set", BRIDGE, "up"])


def remove_bridge() -> None:
    """Remove the bridge, if it is there."""
    if (Path("/sys/class/net") / BRIDGE).exists():
        output_of(["ip", "link", "delete", BRIDGE])


def direct(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables `env` so that programs reach the cluster without an HTTP proxy."""
    cluster = f"127.0.0.1,{PODS},{SERVICES}"
    names = ("NO_PROXY", "no_proxy")
    return {**env, **{name: f"{env[name]},{cluster}" if env.get(name) else cluster for name in names}}
