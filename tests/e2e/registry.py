"""Read images from the registry of the local cluster."""

from typing import Any

import httpx

from ops.local.images import REGISTRY

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


def split(image: str) -> tuple[str, str]:
    """Return the repository of `HOST/REPOSITORY:TAG@DIGEST`, and its digest or, without a digest, its tag."""
    name, _, digest = image.removeprefix(f"{REGISTRY}/").partition("@")
    repository, _, tag = name.partition(":")
    return repository, digest or tag


def manifest(image: str) -> dict[str, Any]:
    repository, reference = split(image)
    url = f"http://{REGISTRY}/v2/{repository}/manifests/{reference}"
    return httpx.get(url, headers={"accept": ", ".join(MANIFESTS)}).raise_for_status().json()


def size_over_base(image: str) -> int:
    """Return the size of an image's layers without the first, unpacked, in bytes."""
    return sum(unpacked_sizes(image)[1:])


def unpacked_sizes(image: str) -> list[int]:
    """Return the size of each layer of an image, unpacked, in bytes."""
    repository, _ = split(image)
    sizes: list[int] = []
    for layer in manifest(image)["layers"]:
        url = f"http://{REGISTRY}/v2/{repository}/blobs/{layer['digest']}"
        # gzip ends with the size of what it holds: https://www.rfc-editor.org/rfc/rfc1952#page-8
        blob = httpx.get(url, timeout=60).raise_for_status().content
        sizes.append(int.from_bytes(blob[-4:], "little"))
    return sizes


def compressed_sizes(image: str) -> list[int]:
    """Return the size of each layer of an image as it is pulled, in bytes."""
    return [layer["size"] for layer in manifest(image)["layers"]]
