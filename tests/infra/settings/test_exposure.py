"""Which values of the group `exposure` are allowed, and what is said about the others."""

import json
from typing import Any

import pytest

from tests.conftest import SettingsOf, StackOf
from tests.parsing import problems

ROUTED = {"type": "Ingress", "hosts": ["a.example.com"]}
GATEWAY = {"type": "Gateway", "hosts": ["a.example.com"], "gateway": {"name": "public"}}


@pytest.mark.parametrize(
    ("exposure", "problem"),
    [
        ({"type": "Tunnel"}, "type: 'Tunnel': input should be 'LoadBalancer', 'NodePort'"),
        ({"nodePort": 30080}, "nodePort: 30080: 0, unless type is NodePort"),
        ({"type": "NodePort", "nodePort": 80}, "nodePort: 80: 0, or from 30000 to 32767"),
        ({"type": "Ingress"}, "hosts: at least one DNS name, for type is Ingress"),
        ({"hosts": ["a.example.com"]}, "hosts: empty, unless type is Ingress or Gateway"),
        ({**ROUTED, "hosts": ["https://a"]}, "hosts[0]: 'https://a': string should match pattern"),
        ({"path": "cats"}, "path: 'cats': a path that starts with / and does not end with it"),
        ({"path": "/cats/"}, "path: '/cats/': a path that starts with / and does not end with it"),
        (
            {"path": "/predict/cats"},
            "path: '/predict/cats': a path whose first part is not one of the server's",
        ),
        ({"ingressClassName": "nginx"}, "ingressClassName: 'nginx': empty, unless type is Ingress"),
        (
            {"type": "Gateway", "hosts": ["a.example.com"]},
            "gateway: the name of a Gateway, for type is Gateway",
        ),
        ({**ROUTED, "gateway": {"name": "public"}}, "gateway: empty, unless type is Gateway"),
        ({**GATEWAY, "gateway": {}}, "gateway.name: must be set"),
        ({"tls": {"secret": "a"}}, "tls: empty, unless type is Ingress or Gateway"),
        ({**ROUTED, "tls": {}}, "tls: one of secret, issuer, clusterIssuer and external"),
        ({**ROUTED, "tls": {"secret": "a", "issuer": "b"}}, "tls: one of secret, issuer, clusterIssuer"),
        ({**GATEWAY, "tls": {"issuer": "b"}}, "tls: external: true, for type is Gateway"),
        ({**GATEWAY, "tls": {"external": True}}, "tls: empty, unless gateway.listener names the listener"),
        ({"routeAnnotations": {"a": "b"}}, "routeAnnotations: empty, unless type is Ingress or Gateway"),
        ({"serviceAnnotations": {"a b": "c"}}, "serviceAnnotations"),
        (
            {"sourceRanges": ["203.0.113.7/24"]},
            "sourceRanges[0]: '203.0.113.7/24': a network in CIDR notation",
        ),
        (
            {"sourceRanges": ["2001:db8::/129"]},
            "sourceRanges[0]: '2001:db8::/129': a network in CIDR notation",
        ),
        ({"type": "ClusterIP", "sourceRanges": ["::/0"]}, "sourceRanges: empty, unless type is LoadBalancer"),
        ({"type": "NodePort", "internal": True}, "internal: true: false, unless type is LoadBalancer"),
        ({"ipFamilies": ["IPv5"]}, "ipFamilies[0]: 'IPv5': input should be 'IPv4' or 'IPv6'"),
        ({"ipFamilies": ["IPv4", "IPv4"]}, "ipFamilies: each of IPv4 and IPv6 at most once"),
    ],
)
def test_a_problem_names_the_setting_its_value_and_what_is_allowed(
    stack_of: StackOf, exposure: dict[str, Any], problem: str
):
    ((key, text),) = problems(stack_of(exposure=json.dumps(exposure)))

    assert f"{key}: {text}".startswith(f"slipway:exposure.{problem}")


@pytest.mark.parametrize("path", ["", "/cats", "/models/cats-1.0_x~y"])
def test_a_path_may_have_several_parts(settings_of: SettingsOf, path: str):
    assert settings_of(exposure=json.dumps({"path": path})).exposure.path == path


def test_the_flat_keys_of_older_versions_are_read(settings_of: SettingsOf):
    exposure = settings_of(serviceType="NodePort", nodePort="30080").exposure

    assert (exposure.type, exposure.node_port) == ("NodePort", 30080)
