"""Start etcd, the API server, the controller manager and the scheduler, with certificates from kubeadm."""

import shutil
from pathlib import Path

import yaml

from ops.commands import output_of
from ops.errors import OperationError
from ops.local.binaries import KUBERNETES
from ops.local.kubectl import Kubectl
from ops.local.network import NODE_IP, PODS, SERVICES
from ops.local.paths import CONTEXT, KUBECONFIG, STATE
from ops.local.processes import start, wait_for

PKI = STATE / "pki"
KUBECONFIGS = STATE / "kubeconfigs"
SOCKET = STATE / "containerd" / "containerd.sock"
NODE = "slipway"
API_PORT = 6443


def start_control_plane(bin_folder: Path) -> None:
    """Start the control plane and wait until the API server is ready.

    Raises:
        OperationError: a program does not start; the message names its log.

    """
    _certificates(bin_folder)
    etcd = "https://127.0.0.1:2379"
    start(
        "etcd",
        [
            bin_folder / "etcd",
            f"--data-dir={STATE / 'etcd'}",
            # The cluster does not survive a reboot, so its data need not reach the disk.
            "--unsafe-no-fsync",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            "--listen-peer-urls=https://127.0.0.1:2380",
            # A client that can read etcd can read every Secret; one that can write can run pods as root.
            "--client-cert-auth",
            f"--trusted-ca-file={PKI / 'etcd' / 'ca.crt'}",
            f"--cert-file={PKI / 'etcd' / 'server.crt'}",
            f"--key-file={PKI / 'etcd' / 'server.key'}",
            "--peer-client-cert-auth",
            f"--peer-trusted-ca-file={PKI / 'etcd' / 'ca.crt'}",
            f"--peer-cert-file={PKI / 'etcd' / 'peer.crt'}",
            f"--peer-key-file={PKI / 'etcd' / 'peer.key'}",
        ],
    )
    start(
        "kube-apiserver",
        [
            bin_folder / "kube-apiserver",
            f"--etcd-servers={etcd}",
            f"--etcd-cafile={PKI / 'etcd' / 'ca.crt'}",
            f"--etcd-certfile={PKI / 'apiserver-etcd-client.crt'}",
            f"--etcd-keyfile={PKI / 'apiserver-etcd-client.key'}",
            # Only this machine and its pods can reach this address.
            f"--bind-address={NODE_IP}",
            f"--secure-port={API_PORT}",
            f"--advertise-address={NODE_IP}",
            f"--tls-cert-file={PKI / 'apiserver.crt'}",
            f"--tls-private-key-file={PKI / 'apiserver.key'}",
            f"--client-ca-file={PKI / 'ca.crt'}",
            f"--kubelet-client-certificate={PKI / 'apiserver-kubelet-client.crt'}",
            f"--kubelet-client-key={PKI / 'apiserver-kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={PKI / 'sa.pub'}",
            f"--service-account-signing-key-file={PKI / 'sa.key'}",
            f"--service-cluster-ip-range={SERVICES}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--requestheader-client-ca-file={PKI / 'front-proxy-ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={PKI / 'front-proxy-client.crt'}",
            f"--proxy-client-key-file={PKI / 'front-proxy-client.key'}",
        ],
    )
    kubectl = Kubectl(bin_folder)
    wait_for("kube-apiserver", "the API server is ready", kubectl.ready, seconds=60)
    for name, flags in (
        (
            "kube-controller-manager",
            [
                f"--root-ca-file={PKI / 'ca.crt'}",
                f"--cluster-signing-cert-file={PKI / 'ca.crt'}",
                f"--cluster-signing-key-file={PKI / 'ca.key'}",
                f"--service-account-private-key-file={PKI / 'sa.key'}",
                "--use-service-account-credentials",
                "--allocate-node-cidrs",
                f"--cluster-cidr={PODS}",
            ],
        ),
        ("kube-scheduler", []),
    ):
        kubeconfig = KUBECONFIGS / f"{name.removeprefix('kube-')}.conf"
        start(
            name,
            [
                bin_folder / name,
                f"--kubeconfig={kubeconfig}",
                f"--authentication-kubeconfig={kubeconfig}",
                f"--authorization-kubeconfig={kubeconfig}",
                "--bind-address=127.0.0.1",
                "--leader-elect=false",
                *flags,
            ],
        )


def _certificates(bin_folder: Path) -> None:
    config = STATE / "kubeadm.yaml"
    documents = [
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": NODE_IP, "bindPort": API_PORT},
            "nodeRegistration": {"name": NODE, "criSocket": f"unix://{SOCKET}"},
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": KUBERNETES,
            "clusterName": CONTEXT,
            "certificatesDir": str(PKI),
            "controlPlaneEndpoint": f"{NODE_IP}:{API_PORT}",
            "networking": {"serviceSubnet": SERVICES, "podSubnet": PODS},
        },
    ]
    config.write_text(yaml.safe_dump_all(documents))
    kubeadm = [bin_folder / "kubeadm", "init", "phase"]
    output_of([*kubeadm, "certs", "all", "--config", config])
    for who in ("super-admin", "controller-manager", "scheduler", "kubelet"):
        output_of([*kubeadm, "kubeconfig", who, "--config", config, "--kubeconfig-dir", KUBECONFIGS])
    admin = KUBECONFIGS / "super-admin.conf"
    kubectl = [bin_folder / "kubectl", "--kubeconfig", admin, "config"]
    current = output_of([*kubectl, "current-context"]).strip()
    output_of([*kubectl, "rename-context", current, CONTEXT])
    if KUBECONFIG.parent.exists() and not KUBECONFIG.parent.is_dir():
        raise OperationError(f"{KUBECONFIG.parent} is not a folder")
    KUBECONFIG.parent.mkdir(exist_ok=True)
    shutil.copy(admin, KUBECONFIG)
    KUBECONFIG.chmod(0o600)
