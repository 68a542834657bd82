"""The node's own network: a bridge on this machine that its pods are attached to."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

from ops.commands import output_of

NETWORK = "slipway"
BRIDGE = "slipway0"
SERVICES = "10.96.0.0/16"
PODS = "10.244.0.0/16"
NODE_PODS = "10.244.0.0/24"
"""The pods of the one node."""

NODE_IP = str(ip_network(NODE_PODS)[1])
"""The bridge's address, where pods reach the API server and the kubelet. Other machines do not: nothing of
the cluster listens at the addresses that this machine has in their networks.
"""

MAC = "0a:58:" + ":".join(f"{int(part):02x}" for part in NODE_IP.split("."))
"""Given, or else the bridge takes another one from each pod that comes or goes."""


def add_bridge() -> None:
    """Add the bridge with its address, before the first pod would: the API server listens there."""
    prefix = ip_network(NODE_PODS).prefixlen
    output_of(["ip", "link", "add", BRIDGE, "address", MAC, "type", "bridge"])
    output_of(["ip", "address", "add", f"{NODE_IP}/{prefix}", "dev", BRIDGE])
    output_of(["ip", "link", "set", BRIDGE, "up"])


def remove_bridge() -> None:
    """Remove the bridge, if it is there."""
    if (Path("/sys/class/net") / BRIDGE).exists():
        output_of(["ip", "link", "delete", BRIDGE])


def direct(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which programs reach the cluster without the proxy that it names, if any."""
    cluster = f"127.0.0.1,{PODS},{SERVICES}"
    names = ("NO_PROXY", "no_proxy")
    return {**env, **{name: f"{env[name]},{cluster}" if env.get(name) else cluster for name in names}}
