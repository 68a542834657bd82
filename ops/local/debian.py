"""The file system of Debian with Python, which the images of the cluster are built upon."""

import shutil

from ops.commands import output_of
from ops.local.machine import unmount
from ops.local.paths import CACHE
from ops.local.whole import made_whole, remove
from ops.progress import step

SUITE = "trixie"
PYTHON = "3.13"
"""The version of `python3` in that suite."""

ARCHIVE = CACHE / "debian" / f"{SUITE}.tar"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
WASTE = ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/lib/apt/lists", "var/log")
"""Folders that are emptied: an image needs nothing of what they hold."""


def bootstrap() -> None:
    """Make the archive of the file system, unless it is there.

    Raises:
        OperationError: debootstrap failed.

    """
    if ARCHIVE.exists():
        return
    rootfs = ARCHIVE.parent / "rootfs"
    remove(rootfs)
    with step(f"make a base image of Debian {SUITE}"), made_whole(ARCHIVE) as draft:
        try:
            minimal = ["--variant=minbase", "--include=python3", f"--keyring={KEYRING}"]
            output_of(["debootstrap", *minimal, SUITE, rootfs])
            output_of(["chroot", rootfs, "apt-get", "clean"])
            for waste in WASTE:
                shutil.rmtree(rootfs / waste)
                (rootfs / waste).mkdir()
            output_of(["tar", "--create", "--file", draft, "--directory", rootfs, "--exclude=./dev/*", "."])
        finally:
            # A failed debootstrap leaves the machine's /proc mounted there.
            unmount(rootfs)
            remove(rootfs)
