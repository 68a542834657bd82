"""Container registries: one row each, with the form of an image's name.

A registry that needs no more than a name is a row of `KINDS`. One whose repositories must be created before
an image is pushed has a file in this folder as well, with a subclass of
`infra.registries.repository.ImageRepository`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from infra.clouds import CLOUDS
from infra.sdk import SdkClass

COMPONENT = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
"""A part of an image's path: https://github.com/opencontainers/distribution-spec/blob/main/spec.md."""

SOME = rf"{COMPONENT}(?:/{COMPONENT})*"
ANY = rf"(?:{SOME})?"


@dataclass(frozen=True, kw_only=True)
class RegistryKind:
    """A registry's rules for names."""

    host: str
    """Pattern of the host. Its named groups are what `Registry.host_parts` holds."""

    path: str
    """Pattern of what follows the host, without the model's name."""

    form: str
    """The whole, as an error message shows it."""

    auth: str | None = None
    """Key of the registry in a Docker configuration. None means its host."""

    repository: SdkClass | None = None
    """A subclass of `infra.registries.repository.ImageRepository`, if repositories must be created."""


KINDS = (
    RegistryKind(  # https://docs.docker.com/docker-hub/repos/
        host=r"docker\.io",
        path=COMPONENT,
        form="docker.io/ORGANISATION",
        auth="https://index.docker.io/v1/",
    ),
    RegistryKind(  # https://cloud.google.com/artifact-registry/docs/docker/names
        host=r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev",
        path=rf"{COMPONENT}/{SOME}",
        form="LOCATION-docker.pkg.dev/PROJECT/REPOSITORY",
    ),
    RegistryKind(host=r"(?:[a-z]+\.)?gcr\.io", path=SOME, form="gcr.io/PROJECT"),
    # https://docs.github.com/packages/working-with-a-github-packages-registry
    RegistryKind(host=r"ghcr\.io", path=SOME, form="ghcr.io/OWNER"),
    RegistryKind(  # https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
        host=r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?",
        path=ANY,
        form="ACCOUNT.dkr.ecr.REGION.amazonaws.com[/PREFIX]",
        repository=SdkClass(path="infra.registries.ecr:EcrRepository", sdk=CLOUDS["eks"].cluster.sdk),
    ),
    RegistryKind(  # https://learn.microsoft.com/azure/container-registry/container-registry-concepts
        host=r"(?P<registry>[a-z0-9]{5,50})\.azurecr\.io",
        path=ANY,
        form="REGISTRY.azurecr.io[/PREFIX]",
    ),
    RegistryKind(
        host=r"localhost(?::\d+)?|[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?|[a-z0-9-]+:\d+",
        path=ANY,
        form="HOST[:PORT][/PATH], in small letters",
    ),
)
"""The first whose host matches is a registry's kind. The last is any other OCI registry."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The place where a model's images are pushed to."""

    prefix: str
    """`HOST/PATH`, without the model's name."""

    host: str
    host_parts: Mapping[str, str]
    """What the host tells, such as account and region of Amazon's registry."""

    auth: str
    """Key of this registry's credentials in a Docker configuration."""

    repository_class: SdkClass | None
    """A subclass of `infra.registries.repository.ImageRepository`, if repositories must be created."""

    @classmethod
    def parse(cls, prefix: str) -> "Registry":
        """Read `HOST/PATH`.

        Raises:
            ValueError: It does not have the form that the host asks for. The message is that form.

        """
        host, slash, path = prefix.partition("/")
        kind = next((kind for kind in KINDS if re.fullmatch(kind.host, host)), KINDS[-1])
        match = re.fullmatch(kind.host, host)
        if match is None or not re.fullmatch(kind.path, path) or (slash and not path):
            raise ValueError(kind.form)
        return cls(
            prefix=prefix,
            host=host,
            host_parts=match.groupdict(),
            auth=kind.auth or host,
            repository_class=kind.repository,
        )

    def repository(self, model: str) -> str:
        """Return the path of a model's images within the registry."""
        return f"{self.prefix}/{model}".removeprefix(f"{self.host}/")

    def image(self, model: str, tag: str) -> str:
        """Return the full name of an image of a model."""
        return f"{self.prefix}/{model}:{tag}"
