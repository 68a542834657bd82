"""In which order Traefik and cert-manager are started, and that their addresses agree."""

from typing import Any

import pytest
import yaml

from ops.errors import OperationError
from ops.local import door, from_modules, kind
from tests.ops.local.recorded import RecordedCluster


class Cluster(RecordedCluster):
    """A cluster that records how Traefik and cert-manager are started."""

    applied = "customresourcedefinition/a validatingadmissionpolicy/b customresourcedefinition/c"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch, door)


def test_the_error_without_a_cluster_says_how_to_start_it(cluster: Cluster):
    cluster.is_healthy = False

    with pytest.raises(OperationError, match="start it with `make cluster`"):
        door.up()

    assert cluster.did == []


def test_the_error_on_kind_says_to_install_the_charts(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door, "driver", lambda: kind)

    with pytest.raises(OperationError, match="install their charts"):
        door.up()

    assert cluster.did == []


def test_definitions_are_established_before_a_program_that_needs_them_starts(cluster: Cluster):
    door.up()

    established = cluster.at("wait customresourcedefinition/a customresourcedefinition/c --for=condition=Est")
    assert cluster.at("push", "traefik") < established
    assert cluster.at("push", "cert-manager-controller") < established
    for name in door.NAMES:
        assert (
            established
            < cluster.at(f"manifests/{name}.yaml")
            < cluster.at(f"rollout status deployment/{name}")
        )


def test_the_authority_is_made_by_a_running_cert_manager(cluster: Cluster):
    door.up()

    made = cluster.at("manifests/local-authority.yaml")
    assert cluster.at("rollout status deployment/cert-manager") < made
    assert made < cluster.at("wait clusterissuer/local --for=condition=Ready")


def manifest(name: str, kind: str) -> dict[str, Any]:
    text = (from_modules.MANIFESTS / f"{name}.yaml").read_text()
    (found,) = [item for item in yaml.safe_load_all(text) if item["kind"] == kind]
    return found


def test_traefik_has_the_ports_that_are_documented():
    ports = {port["name"]: port["nodePort"] for port in manifest("traefik", "Service")["spec"]["ports"]}

    assert ports == {"http": door.HTTP_PORT, "https": door.HTTPS_PORT}


def test_the_gateways_listener_has_the_port_of_an_entry_point_of_traefik():
    (listener,) = manifest("traefik", "Gateway")["spec"]["listeners"]
    (container,) = manifest("traefik", "Deployment")["spec"]["template"]["spec"]["containers"]

    assert f"--entryPoints.{listener['name']}.address=:{listener['port']}" in container["args"]


@pytest.mark.parametrize("name", door.NAMES)
def test_each_program_runs_the_image_that_is_pushed(name: str):
    (container,) = manifest(name, "Deployment")["spec"]["template"]["spec"]["containers"]

    assert container["image"] == door.IMAGES[container["name"]]
