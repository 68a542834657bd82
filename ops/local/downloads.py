"""Print what the start of the cluster will download, before it does."""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.local.binaries import CLUSTER, folder_of, least_go
from ops.local.debian import SUITE
from ops.local.images import has_base_image
from ops.local.packages import missing_packages
from ops.local.paths import CACHE
from ops.local.toolchain import GO, find_go
from ops.progress import say


@dataclass(frozen=True, kw_only=True)
class Download:
    """Something that is downloaded, with its measured sizes in MB."""

    what: str
    downloaded: int
    while_built: int
    """The most disk space that it needs while it is built."""

    kept: int
    """The disk space that it needs afterwards."""

    where: str


PACKAGES = Download(
    what="Debian packages", downloaded=60, while_built=260, kept=200, where="the system, by apt"
)
TOOLCHAIN = Download(what=f"Go {GO}", downloaded=70, while_built=250, kept=250, where=str(CACHE))
MODULES = Download(
    what="the sources of Kubernetes, etcd, BuildKit and metrics-server",
    downloaded=180,
    while_built=4500,
    kept=350,
    where=str(CACHE),
)
BASE_IMAGE = Download(
    what=f"Debian {SUITE} with Python", downloaded=60, while_built=600, kept=300, where=str(CACHE)
)


def announce() -> None:
    """Print what will be downloaded, its size and where it goes; print nothing if nothing is missing."""
    if downloads := _needed():
        say("\n".join(_lines(downloads)))


def _needed() -> list[Download]:
    is_built = folder_of(CLUSTER).exists()
    is_needed = {
        PACKAGES: bool(missing_packages()),
        TOOLCHAIN: not is_built and find_go(least_go(CLUSTER)) is None,
        MODULES: not is_built,
        BASE_IMAGE: not has_base_image(),
    }
    return [download for download, needed in is_needed.items() if needed]


def _lines(downloads: Sequence[Download]) -> list[str]:
    downloaded = sum(download.downloaded for download in downloads)
    most = sum(download.while_built for download in downloads)
    kept = sum(download.kept for download in downloads)
    head = (
        f"to download: about {downloaded} MB; this needs up to {_gb(most)} of disk while it is built, "
        f"and {_gb(kept)} afterwards"
    )
    return [head, *(f"  {part.what}: {part.downloaded} MB, to {part.where}" for part in downloads)]


def _gb(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB"
