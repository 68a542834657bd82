"""Make a file system of Debian with Python, the base of the cluster's images."""

import shutil

from ops.commands import output_of
from ops.local.machine import unmount
from ops.local.paths import CACHE
from ops.local.whole import made_whole, remove
from ops.progress import step

SUITE = "trixie"
PYTHON = "3.13"
"""The version of `python3` in `SUITE`."""

ARCHIVE = CACHE / "debian" / f"{SUITE}.tar"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
WASTE = ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/lib/apt/lists", "var/log")
"""Folders that are emptied, because images need nothing in them."""


def bootstrap() -> None:
    """Make the archive of the file system if it is missing.

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
            # After a failure debootstrap leaves the machine's /proc mounted in the folder.
            unmount(rootfs)
            remove(rootfs)
