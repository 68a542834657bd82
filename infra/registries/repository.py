"""The interface of a registry whose repositories must be created before an image is pushed."""

from dataclasses import dataclass

import pulumi

from infra.registries import Registry
from infra.registries.credentials import Credentials


@dataclass(frozen=True, kw_only=True)
class ImageRepositoryArgs:
    """Which repository is created, and when it is deleted."""

    registry: Registry
    model: str
    retain: bool
    """Whether `pulumi destroy` leaves the repository with its images."""


class ImageRepository(pulumi.ComponentResource):
    """The repository of one model's images. Each registry that needs it has a subclass."""

    credentials: Credentials
    """Credentials that may push to the repository. A subclass sets them; they may be short-lived."""

    def __init__(
        self,
        name: str,
        args: ImageRepositoryArgs,  # noqa: ARG002 - for the subclasses
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(f"slipway:infra:{type(self).__name__}", name, {}, opts)
