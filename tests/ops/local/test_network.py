from ipaddress import ip_address, ip_network

import pytest

from ops.local import network
from tests.ops.conftest import Programs


def test_the_bridge_has_the_first_address_of_the_nodes_pods(only: Programs):
    only.add("ip")

    network.add_bridge()

    assert only.lines == [
        "ip link add slipway0 address 0a:58:0a:f4:00:01 type bridge",
        "ip address add 10.244.0.1/24 dev slipway0",
        "ip link set slipway0 up",
    ]


def test_the_addresses_of_the_nodes_pods_belong_to_the_clusters_range():
    assert ip_network(network.NODE_PODS).subnet_of(ip_network(network.PODS))  # type: ignore[arg-type]
    assert ip_address(network.NODE_IP) in ip_network(network.NODE_PODS)


@pytest.mark.parametrize(
    ("given", "direct"),
    [
        ({}, "127.0.0.1,10.244.0.0/16,10.96.0.0/16"),
        ({"NO_PROXY": "", "no_proxy": ""}, "127.0.0.1,10.244.0.0/16,10.96.0.0/16"),
        (
            {"NO_PROXY": "intranet", "no_proxy": "intranet"},
            "intranet,127.0.0.1,10.244.0.0/16,10.96.0.0/16",
        ),
    ],
)
def test_requests_to_the_cluster_bypass_the_machines_proxy(given: dict[str, str], direct: str):
    env = network.direct({**given, "HTTPS_PROXY": "http://proxy"})

    assert env == {"HTTPS_PROXY": "http://proxy", "NO_PROXY": direct, "no_proxy": direct}
