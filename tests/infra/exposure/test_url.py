"""The URL that the program exports."""

from typing import Any

import pytest

from infra.exposure.url import bracketed
from ops.program import Recorder
from tests.infra.exposure.conftest import Exposed

INGRESS = {"type": "Ingress", "hosts": ["cats.example.com", "katzen.example.com"]}
GATEWAY = {
    "type": "Gateway",
    "hosts": ["cats.example.com"],
    "gateway": {"name": "public", "listener": "https"},
}
NODE_PORT = {"type": "NodePort", "nodePort": 30081}


@pytest.mark.parametrize(
    ("exposure", "url"),
    [
        ({"type": "ClusterIP"}, "http://model.slipway-prod.svc"),
        ({"type": "ClusterIP", "path": "/cats"}, "http://model.slipway-prod.svc/cats"),
        (NODE_PORT, "http://<node>:30081"),
        (INGRESS, "http://cats.example.com"),
        ({**INGRESS, "path": "/cats", "tls": {"secret": "mine"}}, "https://cats.example.com/cats"),
        ({**INGRESS, "tls": {"external": True}}, "https://cats.example.com"),
        (GATEWAY, "http://cats.example.com"),
        ({**GATEWAY, "path": "/cats", "tls": {"external": True}}, "https://cats.example.com/cats"),
    ],
)
def test_the_url_is_the_address_of_the_type(exposed: Exposed, exposure: dict[str, Any], url: str):
    assert exposed(**exposure).outputs["url"] == url


def test_the_node_of_the_local_cluster_is_this_machine(exposed: Exposed):
    assert exposed({"cluster": "local"}, **NODE_PORT).outputs["url"] == "http://127.0.0.1:30081"


@pytest.mark.parametrize(
    ("status", "url"),
    [
        ({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}, "http://203.0.113.7/cats"),
        ({"loadBalancer": {"ingress": [{"ip": "2001:db8::7"}]}}, "http://[2001:db8::7]/cats"),
        ({"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}, "http://lb.example.com/cats"),
        ({"loadBalancer": {}}, "pending"),
        ({}, "pending"),
    ],
)
def test_the_url_of_a_load_balancer_is_pending_until_it_has_an_address(
    exposed: Exposed, monkeypatch: pytest.MonkeyPatch, status: dict[str, Any], url: str
):
    new_resource = Recorder.new_resource

    def with_status(self: Recorder, args: Any) -> Any:
        name, state = new_resource(self, args)
        return name, {**state, "status": status} if args.typ.endswith(":Service") else state

    monkeypatch.setattr(Recorder, "new_resource", with_status)

    assert exposed(path="/cats").outputs["url"] == url


@pytest.mark.parametrize(
    ("address", "shown"),
    [("2001:db8::7", "[2001:db8::7]"), ("2001:DB8:0::7", "[2001:db8::7]"), ("203.0.113.7", "203.0.113.7")],
)
def test_an_address_of_ipv6_is_in_brackets(address: str, shown: str):
    assert bracketed(address) == shown
