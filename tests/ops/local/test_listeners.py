"""Where the cluster's parts listen, and that etcd asks for a certificate."""

from pathlib import Path

import pytest
import yaml

from ops.local import control_plane, node
from ops.local.network import NODE_IP

Flags = dict[str, set[str]]


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flags:
    """The flags that each process is started with."""
    started: Flags = {}
    for module in (control_plane, node):
        monkeypatch.setattr(module, "STATE", tmp_path)
        monkeypatch.setattr(module, "wait_for", lambda *_, **__: None)
        monkeypatch.setattr(
            module, "start", lambda name, command: started.update({name: {*map(str, command)}})
        )
    monkeypatch.setattr(control_plane, "_certificates", lambda _: None)
    control_plane.start_control_plane(tmp_path)
    node.start_node(tmp_path)
    return started


def test_etcd_listens_on_this_machine_only_and_needs_a_certificate(flags: Flags):
    urls = {flag for flag in flags["etcd"] if "-urls=" in flag}

    assert urls == {
        "--listen-client-urls=https://127.0.0.1:2379",
        "--advertise-client-urls=https://127.0.0.1:2379",
        "--listen-peer-urls=https://127.0.0.1:2380",
    }
    assert flags["etcd"] >= {"--client-cert-auth", "--peer-client-cert-auth"}
    names = ("--trusted-ca-file=", "--peer-trusted-ca-file=")
    assert all(any(flag.startswith(name) for flag in flags["etcd"]) for name in names)


def test_only_this_machine_and_its_pods_can_reach_the_api_server(flags: Flags):
    assert flags["kube-apiserver"] >= {f"--bind-address={NODE_IP}", f"--advertise-address={NODE_IP}"}


@pytest.mark.parametrize("name", ["kube-controller-manager", "kube-scheduler"])
def test_the_other_controllers_listen_on_127_0_0_1(flags: Flags, name: str):
    assert "--bind-address=127.0.0.1" in flags[name]


def test_the_kubelet_listens_on_the_address_of_the_api_server(flags: Flags, tmp_path: Path):
    config = yaml.safe_load((tmp_path / "kubelet.yaml").read_text())

    assert config["address"] == NODE_IP
    assert f"--node-ip={NODE_IP}" in flags["kubelet"]


@pytest.mark.usefixtures("flags")
def test_node_ports_and_kube_proxy_listen_on_127_0_0_1_only(tmp_path: Path):
    config = yaml.safe_load((tmp_path / "kube-proxy.yaml").read_text())

    assert config["nodePortAddresses"] == ["127.0.0.0/8"]
    for name in ("healthzBindAddress", "metricsBindAddress"):
        assert config[name].startswith("127.0.0.1:")
