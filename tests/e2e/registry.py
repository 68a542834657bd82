"""What the local cluster's registry holds."""

from typing import Any

import httpx

from ops.local.images import REGISTRY

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


def manifest(repository: str, tag: str) -> dict[str, Any]:
    url = f"http://{REGISTRY}/v2/{repository}/manifests/{tag}"
    return httpx.get(url, headers={"accept": ", ".join(MANIFESTS)}).raise_for_status().json()


def size_over_base(repository: str, tag: str) -> int:
    """Bytes of an image's layers, unpacked, all but the first."""
    sizes: list[int] = []
    for layer in manifest(repository, tag)["layers"][1:]:
        url = f"http://{REGISTRY}/v2/{repository}/blobs/{layer['digest']}"
        # gzip ends with the size of what it holds: https://www.rfc-editor.org/rfc/rfc1952#page-8
        blob = httpx.get(url, timeout=60).raise_for_status().content
        sizes.append(int.from_bytes(blob[-4:], "little"))
    return sum(sizes)
