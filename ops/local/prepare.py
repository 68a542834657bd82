"""Install, download and build everything that the cluster needs, before it starts."""

from pathlib import Path

from ops.local import debian
from ops.local.binaries import CLUSTER, build
from ops.local.downloads import announce
from ops.local.images import has_base_image
from ops.local.packages import install_packages
from ops.local.together import together


def prepare() -> Path:
    """Install, download and build what is missing; return the folder of the cluster's programs.

    Raises:
        OperationError: something could not be installed, downloaded or built.

    """
    announce()
    together(lambda: build(CLUSTER), _prepare_debian)
    (programs,) = build(CLUSTER)
    return programs


def _prepare_debian() -> None:
    install_packages()
    if not has_base_image():
        debian.bootstrap()
