"""The node of the cluster: containerd, the kubelet, kube-proxy and a bridge network for pods."""

import json
from pathlib import Path

import yaml

from ops.local.control_plane import KUBECONFIGS, NODE, PKI, SOCKET
from ops.local.kubectl import Kubectl
from ops.local.network import BRIDGE, NETWORK, NODE_IP, NODE_PODS, PODS
from ops.local.paths import KUBECONFIG, REGISTRY, STATE
from ops.local.processes import start, wait_for

PAUSE = f"{REGISTRY}/pause:1"
CONTAINERD = STATE / "containerd"
CNI = STATE / "cni"


def start_containerd() -> None:
    """Start containerd with its own store, socket and network, apart from any other containerd here."""
    CONTAINERD.mkdir(parents=True)
    CNI.mkdir(parents=True)
    network = {
        "cniVersion": "1.0.0",
        "name": NETWORK,
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "ipMasq": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(STATE / "ipam"),
                    "ranges": [[{"subnet": NODE_PODS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
        ],
    }
    (CNI / "10-bridge.conflist").write_text(json.dumps(network))
    config = CONTAINERD / "config.toml"
    config.write_text(f"""\
version = 2
root = "{CONTAINERD / "root"}"
state = "{CONTAINERD / "state"}"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # Without this runc cannot start a container on a machine that forbids lowering the OOM score.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{CNI}"
# NRI uses a fixed socket path, which another containerd on this machine may use already.
[plugins."io.containerd.nri.v1.nri"]
  disable = true
""")
    start("containerd", ["containerd", "--config", config])
    wait_for("containerd", "containerd listens", SOCKET.exists, seconds=30)


def start_node(bin_folder: Path) -> None:
    """Start the kubelet and kube-proxy, and wait until the node is ready."""
    kubelet = STATE / "kubelet.yaml"
    kubelet.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "address": NODE_IP,
                "authentication": {
                    "anonymous": {"enabled": False},
                    "webhook": {"enabled": True},
                    "x509": {"clientCAFile": str(PKI / "ca.crt")},
                },
                "authorization": {"mode": "Webhook"},
                "cgroupDriver": "cgroupfs",
                "failCgroupV1": False,
                "failSwapOn": False,
                "containerRuntimeEndpoint": f"unix://{SOCKET}",
                "evictionHard": {
                    "memory.available": "100Mi",
                    "nodefs.available": "1%",
                    "imagefs.available": "1%",
                },
                "podLogsDir": str(STATE / "pod-logs"),
                # How soon a pod sees a changed Secret or ConfigMap, such as the rules of Prometheus.
                "syncFrequency": "10s",
            }
        )
    )
    start(
        "kubelet",
        [
            bin_folder / "kubelet",
            f"--config={kubelet}",
            f"--kubeconfig={KUBECONFIGS / 'kubelet.conf'}",
            f"--root-dir={STATE / 'kubelet'}",
            f"--cert-dir={STATE / 'kubelet' / 'pki'}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_IP}",
            # cAdvisor needs the socket to tell which pod the CPU and memory of a container belong to.
            f"--containerd={SOCKET}",
        ],
    )
    proxy = STATE / "kube-proxy.yaml"
    proxy.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                "kind": "KubeProxyConfiguration",
                "clientConnection": {"kubeconfig": str(KUBECONFIG)},
                # nftables does not serve node ports on 127.0.0.1.
                "mode": "iptables",
                "clusterCIDR": PODS,
                "hostnameOverride": NODE,
                "healthzBindAddress": "127.0.0.1:10256",
                "metricsBindAddress": "127.0.0.1:10249",
                "nodePortAddresses": ["127.0.0.0/8"],
                "conntrack": {"maxPerCore": 0, "min": 0},
            }
        )
    )
    start("kube-proxy", [bin_folder / "kube-proxy", f"--config={proxy}"])
    kubectl = Kubectl(bin_folder)
    is_ready = ("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=1s")
    wait_for("kubelet", "the node is ready", lambda: kubectl.succeeds(*is_ready), seconds=120)
