"""Reach a model through an Ingress and through a Gateway, by HTTPS under a path.

The ingress controller and the Gateway are Traefik, and the certificates are cert-manager's. The tests run in
order: the stack has an Ingress first, then a route of the Gateway in its place.
"""

import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ops import apply
from ops.local import door
from ops.local.cluster import driver
from ops.local.kubectl import Kubectl
from ops.models import artifact_folder
from ops.request import Request
from ops.stack import Stack

NAME = "e2e-door"
LABEL = "tiger cat"
HERE = f"--namespace=slipway-{NAME}"
PATH = "/models/cats"
SECONDS = 120
KEYS = "caller-keys"
"""Name of the Secret with the API key."""

KEY, NEW_KEY = "first-key-of-the-door", "second-key-of-the-door"
INGRESS, GATEWAY = "cats.ingress.localhost", "cats.gateway.localhost"


def a_stack(**exposure: Any) -> Stack:
    """Return a copy of the dev stack with one pod, which is reached as `exposure` says."""
    dev = Stack.read("dev")
    changed = {
        "slipway:access": json.dumps({"apiKeysSecret": KEYS}),
        "slipway:exposure": json.dumps({"path": PATH, **exposure}),
        "slipway:minReplicas": "1",
        "slipway:maxReplicas": "1",
    }
    return Stack(project=dev.project, name=NAME, config={**dev.config, **changed}, secret_keys=frozenset())


def with_ingress() -> Stack:
    tls = {"clusterIssuer": "local"}
    return a_stack(type="Ingress", hosts=[INGRESS], ingressClassName="traefik", tls=tls)


def with_gateway() -> Stack:
    gateway = {"name": "public", "namespace": "traefik", "listener": "https"}
    return a_stack(type="Gateway", hosts=[GATEWAY], gateway=gateway, tls={"external": True})


@pytest.fixture(scope="module")
def trusted(kubectl: Kubectl) -> ssl.SSLContext:  # noqa: ARG001 - there is no cluster before
    """Start Traefik and cert-manager; return a context that trusts only the cluster's own authority."""
    door.up()
    context = ssl.create_default_context(cadata=door.authority())
    assert len(context.get_ca_certs()) == 1
    return context


@pytest.fixture(scope="module")
def url(kubectl: Kubectl, trusted: ssl.SSLContext) -> Iterator[str]:  # noqa: ARG001
    """Deploy the model behind an Ingress; return the URL that is exported."""
    kubectl("create", "namespace", f"slipway-{NAME}")
    set_key(kubectl, KEY)
    yield apply.up(with_ingress(), kubectl, driver().buildx())["url"]
    kubectl("delete", "namespace", f"slipway-{NAME}", "--wait=true")


def set_key(kubectl: Kubectl, key: str) -> None:
    """Write the Secret that has the only API key of the model."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": KEYS},
        "stringData": {"keys": key},
    }
    kubectl("apply", HERE, "--filename=-", stdin=json.dumps(secret))


Send = Callable[..., httpx.Response]
"""Takes a host, a path, and the options of `httpx.Client.request`."""


@pytest.fixture
def send(trusted: ssl.SSLContext) -> Iterator[Send]:
    """Return a function that sends a request to a host by HTTPS, and verifies the host's certificate."""
    with httpx.Client(verify=trusted, base_url=f"https://127.0.0.1:{door.HTTPS_PORT}", timeout=30) as client:

        def send(host: str, path: str, method: str = "GET", **options: Any) -> httpx.Response:
            headers = {"host": host, **options.pop("headers", {})}
            return client.request(method, path, headers=headers, extensions={"sni_hostname": host}, **options)

        yield send


def predict(send: Send, host: str, key: str | None) -> httpx.Response:
    """Send the picture of the artifact to the model, with an API key."""
    sample = Request.of(artifact_folder(with_ingress()))
    headers = {"content-type": sample.content_type}
    if key:
        headers["authorization"] = f"Bearer {key}"
    return send(host, f"{PATH}{sample.path}", "POST", content=sample.body, headers=headers)


def label(answer: httpx.Response) -> str:
    """Return the label of a prediction."""
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()["predictions"][0]["label"]


def is_ready(send: Send, host: str) -> bool:
    """Tell whether the host has its certificate, and the model answers there."""
    try:
        return send(host, f"{PATH}/health/ready").is_success
    except httpx.ConnectError:
        return False


def test_an_ingress_serves_the_model_by_https_under_its_path(
    url: str, send: Send, eventually: Callable[[Callable[[], bool], float], float]
):
    assert url == f"https://{INGRESS}{PATH}"

    eventually(lambda: is_ready(send, INGRESS), SECONDS)

    assert label(predict(send, INGRESS, KEY)) == LABEL
    assert send(INGRESS, f"{PATH}/docs").is_success


def test_links_of_the_page_stay_under_the_path(url: str, send: Send):  # noqa: ARG001
    page = send(INGRESS, f"{PATH}/docs")

    assert f'<base href="{PATH}/">' in page.text
    assert send(INGRESS, f"{PATH}/openapi.json").json()["servers"] == [{"url": PATH}]


def test_a_host_that_is_not_declared_has_no_certificate(url: str, send: Send):  # noqa: ARG001
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        send("dogs.ingress.localhost", f"{PATH}/docs")


@pytest.mark.parametrize("path", ["/docs", "/models/dogs", "/models/cats-and-dogs"])
def test_another_path_does_not_lead_to_the_model(url: str, send: Send, path: str):  # noqa: ARG001
    assert send(INGRESS, path).text == "404 page not found\n"


@pytest.mark.parametrize("key", [None, "not-the-key-of-this-model"])
def test_a_caller_without_the_key_is_refused(url: str, send: Send, key: str | None):  # noqa: ARG001
    answer = predict(send, INGRESS, key)

    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_an_upgrade_is_ignored_and_the_request_is_answered(url: str, send: Send, protocol: str):  # noqa: ARG001
    # https://www.rfc-editor.org/rfc/rfc9110#section-7.8: a server may ignore the field.
    headers = {
        "connection": "Upgrade, HTTP2-Settings",
        "upgrade": protocol,
        "http2-settings": "AAMAAABkAAQAoAAAAAIAAAAA",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
    }

    assert send(INGRESS, f"{PATH}/health/ready", headers=headers).status_code == httpx.codes.OK


def test_a_rotated_key_is_read_by_the_running_pod(
    url: str,  # noqa: ARG001 - it is served with the first key
    kubectl: Kubectl,
    send: Send,
    eventually: Callable[[Callable[[], bool], float], float],
):
    (before,) = kubectl.get("pods", HERE)["items"]

    set_key(kubectl, NEW_KEY)

    # The kubelet looks at mounted Secrets about once a minute.
    eventually(lambda: predict(send, INGRESS, NEW_KEY).is_success, SECONDS)
    assert predict(send, INGRESS, KEY).status_code == httpx.codes.UNAUTHORIZED
    (after,) = kubectl.get("pods", HERE)["items"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_gateway_takes_the_place_of_the_ingress(
    url: str,  # noqa: ARG001 - the Ingress is there before
    kubectl: Kubectl,
    send: Send,
    eventually: Callable[[Callable[[], bool], float], float],
):
    outputs = apply.up(with_gateway(), kubectl, driver().buildx())

    assert outputs["url"] == f"https://{GATEWAY}{PATH}"
    eventually(lambda: is_ready(send, GATEWAY), SECONDS)
    assert label(predict(send, GATEWAY, NEW_KEY)) == LABEL
    assert f'<base href="{PATH}/">' in send(GATEWAY, f"{PATH}/docs").text
    assert kubectl.get("ingresses,certificates", HERE)["items"] == []
    (parent,) = kubectl.get("httproute/model", HERE)["status"]["parents"]
    assert {condition["status"] for condition in parent["conditions"]} == {"True"}
