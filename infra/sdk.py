"""The Pulumi SDKs of the clouds: optional packages, imported only by the stacks that need them."""

import pkgutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pulumi

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

NOT_INSTALLED = "is not installed, and the settings ask for its cloud"
"""How the message about a missing SDK goes on after the package's name."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """A cloud's Pulumi SDK."""

    extra: str
    """Name of the extra in `pyproject.toml` that installs it."""

    package: str
    """Name by which it is imported."""


@dataclass(frozen=True, kw_only=True)
class SdkClass:
    """A class whose module imports an SDK. The module is imported when the class is loaded, not before."""

    path: str
    """`package.module:Class`."""

    sdk: Sdk

    def load(self, base: type[T]) -> type[T]:
        """Import the class.

        Args:
            base: A class that the loaded one must derive from.

        Raises:
            pulumi.RunError: The SDK is not installed. The message names the commands that install it.
            TypeError: The class does not derive from `base`.

        """
        try:
            loaded = pkgutil.resolve_name(self.path)
        except ModuleNotFoundError as error:
            # A package that the SDK itself needs and does not find is another fault.
            if error.name != self.sdk.package:
                raise
            (pin,) = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"][self.sdk.extra]
            raise pulumi.RunError(
                f"{self.sdk.package} {NOT_INSTALLED}: `pip install {pin}`, or `make clouds` for the SDKs of "
                "all clouds"
            ) from None
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise TypeError(f"{self.path} is not a {base.__name__}")
        return loaded


def configured(key: str, value: str | None, example: str) -> str:
    """Return a value of a cloud provider's own configuration.

    Args:
        key: The key with its namespace, such as `aws:region`.
        value: What the provider's configuration holds.
        example: A value that the error message proposes.

    Raises:
        pulumi.RunError: The value is not set.

    """
    if not value:
        raise pulumi.RunError(f"{key}: not set; `pulumi config set {key} {example}`")
    return value
