"""The SDKs of the clouds: extras of the project, each for its own clusters and registry alone."""

import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pulumi

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

NOT_INSTALLED = "is not installed, and the settings ask for its cloud"
"""How the message about a missing SDK begins, after the SDK's name."""


@contextmanager
def sdk(extra: str) -> Generator[None]:
    """Import a cloud's SDK within.

    Args:
        extra: What `pyproject.toml` calls it.

    Raises:
        pulumi.RunError: it is not installed; the message says which commands do.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        # What an SDK itself lacks is another fault.
        if error.name not in ("pulumi_gcp", "pulumi_aws", "pulumi_azure_native"):
            raise
        (pin,) = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"][extra]
        raise pulumi.RunError(
            f"{error.name} {NOT_INSTALLED}: `pip install {pin}`, or `make clouds` for the SDKs of all clouds"
        ) from None


def configured(key: str, value: str | None, example: str) -> str:
    """Return what a provider's own configuration says.

    Raises:
        pulumi.RunError: it says nothing.

    """
    if not value:
        raise pulumi.RunError(f"{key}: not set; `pulumi config set {key} {example}`")
    return value
