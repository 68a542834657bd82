"""A Certificate of cert-manager, which writes the Secret of an Ingress and renews it.

The types are a subset of https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.Certificate.
"""

from collections.abc import Sequence
from typing import Literal, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.exposure.args import IssuerArgs


class IssuerReference(TypedDict):
    """What signs the certificate."""

    kind: Literal["Issuer", "ClusterIssuer"]
    name: str


class CertificateSpec(TypedDict):
    """The specification of a Certificate."""

    secretName: str
    dnsNames: list[str]
    issuerRef: IssuerReference


def certificate(
    name: str,
    metadata: ObjectMetaArgs,
    secret: str,
    issuer: IssuerArgs,
    hosts: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare the Certificate.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels.
        secret: Name of the Secret that cert-manager writes.
        issuer: The issuer; one of kind `Issuer` is in the namespace of the Certificate.
        hosts: DNS names that the certificate is for.
        opts: Options of the Certificate.

    """
    spec: CertificateSpec = {
        "secretName": secret,
        "dnsNames": list(hosts),
        "issuerRef": {"kind": issuer.kind, "name": issuer.name},
    }
    CustomResource(
        name, api_version="cert-manager.io/v1", kind="Certificate", metadata=metadata, spec=spec, opts=opts
    )
