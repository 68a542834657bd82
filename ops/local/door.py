"""Start Traefik and cert-manager on the local cluster: an ingress controller, a Gateway and an issuer.

They are built from Go modules, as the cluster itself is. Traefik serves Ingresses of its class `traefik`, and
the Gateway `public` in the namespace `traefik`. The ClusterIssuer `local` signs certificates by an authority
that is made with the cluster.
"""

import base64
from pathlib import Path

from ops.errors import OperationError
from ops.local import from_modules
from ops.local.binaries import build, sources
from ops.local.cluster import driver
from ops.local.from_modules import BIN, MANIFESTS
from ops.local.images import push_program
from ops.local.paths import REGISTRY
from ops.local.rollout import SECONDS, apply_definitions, wait_for_rollout
from ops.progress import step

HTTP_PORT, HTTPS_PORT = 30880, 30443
"""Ports of Traefik on 127.0.0.1."""

MODULE = "door"
"""The Go module that pins and builds both: they share most of their code."""

IMAGES = {
    "traefik": f"{REGISTRY}/traefik:v3.7.13",
    "controller": f"{REGISTRY}/cert-manager-controller:v1.21.2",
}
"""The image of each program."""

DEFINITIONS = {
    "sigs.k8s.io/gateway-api": "config/crd/standard",
    "github.com/cert-manager/cert-manager": "deploy/crds",
}
"""The folder with the definitions of custom resources, by Go module."""

NAMES = ("traefik", "cert-manager")
"""Names of the Deployments, of their namespaces and of their manifests."""

AUTHORITY = ("secret/local-authority", "--namespace=cert-manager")
"""The Secret with the certificate of the authority."""


def up() -> None:
    """Start both on the running cluster, and wait until they work.

    Raises:
        OperationError: the cluster is not running or is one of kind, or a program does not start.

    """
    if driver() is not from_modules:
        raise OperationError(
            "the images of Traefik and cert-manager are not built for a kind cluster: install their charts"
        )
    if not from_modules.healthy():
        raise OperationError("the local cluster is not running; start it with `make cluster`")
    (folder,) = build(MODULE)
    for program, image in IMAGES.items():
        push_program(image, folder / program, BIN)
    run = from_modules.kubectl()
    with step("start Traefik and cert-manager"):
        apply_definitions([f"--filename={folder}" for folder in definitions()])
        for name in NAMES:
            run("apply", f"--filename={MANIFESTS / f'{name}.yaml'}")
            wait_for_rollout(name, name)
    with step("make a local certificate authority"):
        run("apply", f"--filename={MANIFESTS / 'local-authority.yaml'}")
        run("wait", "clusterissuer/local", "--for=condition=Ready", f"--timeout={SECONDS}s")
        run(
            *("wait", "gateway/public", "--namespace=traefik", "--for=condition=Programmed"),
            f"--timeout={SECONDS}s",
        )


def definitions() -> list[Path]:
    """Return the folders with the definitions of custom resources of the Gateway API and cert-manager.

    Raises:
        OperationError: they cannot be downloaded.

    """
    return [sources(MODULE, package, folder) for package, folder in DEFINITIONS.items()]


def authority() -> str:
    """Return the certificate of the local authority, as PEM."""
    return base64.b64decode(from_modules.kubectl().get(*AUTHORITY)["data"]["tls.crt"]).decode()
