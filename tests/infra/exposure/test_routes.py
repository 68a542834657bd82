"""What lies before the Service: an Ingress with a Certificate, or an HTTPRoute."""

import copy
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from tests.infra.conftest import EXISTING, Declare, by_kind
from tests.infra.definitions import definition
from tests.infra.exposure.conftest import Exposed
from tests.infra.schema import VERSION

HOSTS = ["cats.example.com", "katzen.example.com"]
INGRESS: dict[str, Any] = {"type": "Ingress", "hosts": HOSTS}
GATEWAY: dict[str, Any] = {"type": "Gateway", "hosts": HOSTS, "gateway": {"name": "public"}}
ISSUED = {**INGRESS, "path": "/cats", "ingressClassName": "nginx", "tls": {"clusterIssuer": "letsencrypt"}}
BELOW = {
    **GATEWAY,
    "path": "/cats",
    "gateway": {"name": "public", "namespace": "gateways", "listener": "https"},
    "tls": {"external": True},
}


def test_an_ingress_leads_each_host_with_the_path_to_the_service(declare_exposed: Declare):
    objects = declare_exposed(**ISSUED)

    service = objects["Service"]
    (port,) = service["spec"]["ports"]
    backend = {"service": {"name": service["metadata"]["name"], "port": {"name": port["name"]}}}
    spec = objects["Ingress"]["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["rules"] == [
        {"host": host, "http": {"paths": [{"path": "/cats", "pathType": "Prefix", "backend": backend}]}}
        for host in HOSTS
    ]


def test_without_a_path_every_request_for_the_host_is_the_models(declare_exposed: Declare):
    (rule,) = declare_exposed(type="Ingress", hosts=["cats.example.com"])["Ingress"]["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/"]

    (rule,) = declare_exposed(**GATEWAY)["HTTPRoute"]["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]


def test_cert_manager_writes_the_secret_that_the_ingress_reads(declare_exposed: Declare):
    objects = declare_exposed(**ISSUED)

    (tls,) = objects["Ingress"]["spec"]["tls"]
    assert objects["Certificate"]["spec"] == {
        "secretName": tls["secretName"],
        "dnsNames": HOSTS,
        "issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"},
    }
    assert tls["hosts"] == HOSTS
    metadata = objects["Certificate"]["metadata"]
    assert metadata["namespace"] == objects["Ingress"]["metadata"]["namespace"]


def test_an_issuer_may_be_one_of_the_namespace(declare_exposed: Declare):
    certificate = declare_exposed(**INGRESS, tls={"issuer": "ours"})["Certificate"]

    assert certificate["spec"]["issuerRef"] == {"kind": "Issuer", "name": "ours"}


@pytest.mark.parametrize(
    ("tls", "declared"),
    [
        ({"secret": "mine"}, [{"hosts": HOSTS, "secretName": "mine"}]),
        ({"external": True}, [{"hosts": HOSTS}]),
        (None, None),
    ],
)
def test_no_certificate_is_asked_for_where_there_is_one_or_none_is_wanted(
    declare_exposed: Declare, tls: dict[str, Any] | None, declared: Any
):
    objects = declare_exposed(**INGRESS, **({"tls": tls} if tls else {}))

    assert objects["Ingress"]["spec"].get("tls") == declared
    assert "Certificate" not in objects


def test_a_route_names_the_gateway_and_leads_to_the_service(declare_exposed: Declare):
    objects = declare_exposed(**BELOW)

    service = objects["Service"]
    (port,) = service["spec"]["ports"]
    assert objects["HTTPRoute"]["spec"] == {
        "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
        "hostnames": HOSTS,
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/cats"}}],
                "backendRefs": [{"name": service["metadata"]["name"], "port": port["port"]}],
            }
        ],
    }


def test_a_gateway_may_be_in_the_namespace_of_the_model(declare_exposed: Declare):
    assert declare_exposed(**GATEWAY)["HTTPRoute"]["spec"]["parentRefs"] == [{"name": "public"}]


@pytest.mark.parametrize(("exposure", "kind"), [(INGRESS, "Ingress"), (GATEWAY, "HTTPRoute")])
def test_annotations_of_a_route_are_not_those_of_the_service(
    declare_exposed: Declare, exposure: dict[str, Any], kind: str
):
    given = {"routeAnnotations": {"a": "route"}, "serviceAnnotations": {"a": "service"}}

    objects = declare_exposed(**exposure, **given)

    assert objects[kind]["metadata"]["annotations"] == {"a": "route"}
    assert objects["Service"]["metadata"]["annotations"] == {"a": "service"}


@pytest.mark.parametrize("exposure", [ISSUED, BELOW])
def test_the_service_behind_a_route_has_no_address_of_its_own(
    declare_exposed: Declare, exposure: dict[str, Any]
):
    assert declare_exposed(**exposure)["Service"]["spec"]["type"] == "ClusterIP"


@pytest.mark.parametrize("exposure", [ISSUED, BELOW])
def test_the_path_is_that_of_the_server(declare_exposed: Declare, exposure: dict[str, Any]):
    assert declare_exposed(**exposure)["ConfigMap"]["data"]["SLIPWAY_ROOT_PATH"] == "/cats"


@pytest.mark.parametrize("exposure", [{}, ISSUED, BELOW])
def test_an_ingress_controller_on_a_nodes_own_network_reaches_the_pods(
    declare_exposed: Declare, exposure: dict[str, Any]
):
    objects = declare_exposed(**exposure)

    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    target = objects["Service"]["spec"]["ports"][0]["targetPort"]
    assert target in [port["name"] for port in container["ports"]]
    # A rule without `from` lets everybody in: https://kubernetes.io/docs/concepts/services-networking/network-policies.
    assert {"ports": [{"port": target}]} in objects["NetworkPolicy"]["spec"]["ingress"]


@pytest.mark.parametrize("tls", [{}, {"secret": "mine"}, {"issuer": "ours"}, {"external": True}])
def test_an_ingress_fits_the_schema_of_kubernetes(declare_exposed: Declare, tls: dict[str, Any]):
    ingress = declare_exposed(**ISSUED | ({"tls": tls} if tls else {}))["Ingress"]

    kubernetes_validate.validate(ingress, VERSION, strict=True)


@pytest.mark.parametrize("exposure", [GATEWAY, BELOW])
def test_a_route_fits_the_definition_of_the_gateway_api(declare_exposed: Declare, exposure: dict[str, Any]):
    definition("HTTPRoute").validate(declare_exposed(**exposure)["HTTPRoute"])


def test_a_certificate_fits_the_definition_of_cert_manager(declare_exposed: Declare):
    definition("Certificate").validate(declare_exposed(**ISSUED)["Certificate"])


@pytest.mark.parametrize(
    ("exposure", "kind", "path"),
    [(BELOW, "HTTPRoute", ("rules", 0, "backendRefs", 0)), (ISSUED, "Certificate", ("issuerRef",))],
)
def test_a_field_that_the_definition_lacks_is_an_error(
    declare_exposed: Declare, exposure: dict[str, Any], kind: str, path: tuple[str | int, ...]
):
    changed: Any = copy.deepcopy(declare_exposed(**exposure)[kind])
    place = changed["spec"]
    for key in path:
        place = place[key]
    place["unheardOf"] = 1

    with pytest.raises(jsonschema.ValidationError, match="unheardOf"):
        definition(kind).validate(changed)


def test_the_alert_about_a_certificate_names_the_one_that_is_declared(exposed: Exposed):
    run = exposed(EXISTING, **ISSUED)
    certificate, rules = by_kind(run)["Certificate"], by_kind(run, monitoring=True)["PrometheusRule"]

    (expires,) = [
        rule["expr"]
        for group in rules["spec"]["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "ModelCertificateExpires" and rule["labels"]["severity"] == "page"
    ]
    assert f'name="{certificate["metadata"]["name"]}"' in expires
    assert certificate["metadata"]["namespace"] in expires
