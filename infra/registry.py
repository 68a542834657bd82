"""Container registries: what an image is called in each, and the Secret that lets pods pull from it."""

import base64
import json
import re
from dataclasses import dataclass
from typing import NamedTuple

import pulumi
import pulumi_docker_build as docker_build
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs


@dataclass(frozen=True, kw_only=True)
class _Kind:
    host: re.Pattern[str]
    path: re.Pattern[str]
    form: str
    auth: str | None = None


_COMPONENT = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_KINDS = (
    _Kind(  # https://docs.docker.com/docker-hub/repos/
        host=re.compile(r"docker\.io"),
        path=re.compile(_COMPONENT),
        form="docker.io/ORGANISATION",
        auth="https://index.docker.io/v1/",
    ),
    _Kind(  # https://cloud.google.com/artifact-registry/docs/docker/names
        host=re.compile(r"[a-z0-9-]+-docker\.pkg\.dev"),
        path=re.compile(rf"{_COMPONENT}(/{_COMPONENT})+"),
        form="LOCATION-docker.pkg.dev/PROJECT/REPOSITORY",
    ),
    _Kind(
        host=re.compile(r"(?:[a-z]+\.)?gcr\.io"),
        path=re.compile(rf"{_COMPONENT}(/{_COMPONENT})*"),
        form="gcr.io/PROJECT",
    ),
    _Kind(  # https://docs.github.com/packages/working-with-a-github-packages-registry
        host=re.compile(r"ghcr\.io"),
        path=re.compile(rf"{_COMPONENT}(/{_COMPONENT})*"),
        form="ghcr.io/OWNER",
    ),
    _Kind(  # https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
        host=_ECR,
        path=re.compile(rf"(?:{_COMPONENT}(/{_COMPONENT})*)?"),
        form="ACCOUNT.dkr.ecr.REGION.amazonaws.com[/PREFIX]",
    ),
    _Kind(
        host=re.compile(r"localhost(?::\d+)?|[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?|[a-z0-9-]+:\d+"),
        path=re.compile(rf"(?:{_COMPONENT}(/{_COMPONENT})*)?"),
        form="HOST[:PORT][/PATH], in small letters",
    ),
)


class Ecr(NamedTuple):
    """Whose registry of Amazon's, and where."""

    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Where a model's images are pushed, by Docker Hub, Google, GitHub, Amazon or any OCI registry."""

    prefix: str
    host: str
    auth: str
    """The key under which a Docker configuration keeps this registry's credentials."""

    @classmethod
    def parse(cls, prefix: str) -> "Registry":
        """Read `HOST/PATH`.

        Raises:
            ValueError: it is not of the form that the host asks for; the message is that form.

        """
        host, slash, path = prefix.partition("/")
        kind = next((kind for kind in _KINDS if kind.host.fullmatch(host)), _KINDS[-1])
        if not kind.host.fullmatch(host) or not kind.path.fullmatch(path) or (slash and not path):
            raise ValueError(kind.form)
        return cls(prefix=prefix, host=host, auth=kind.auth or host)

    @property
    def ecr(self) -> Ecr | None:
        """Whose it is, if it is Amazon's."""
        match = _ECR.fullmatch(self.host)
        return Ecr(*match.groups()) if match else None

    def repository(self, model: str) -> str:
        """Return the name of a model's images within the registry."""
        return f"{self.prefix}/{model}".removeprefix(f"{self.host}/")

    def image(self, model: str, tag: str) -> str:
        """Return the full name of one of a model's images."""
        return f"{self.prefix}/{model}:{tag}"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Who pushes to and pulls from a registry. The password is a Pulumi secret."""

    registry: Registry
    username: str
    password: pulumi.Output[str]

    def for_build(self) -> docker_build.RegistryArgs:
        """Return what BuildKit pushes with."""
        return docker_build.RegistryArgs(
            address=self.registry.host, username=self.username, password=self.password
        )

    def pull_secret(self, name: str, metadata: ObjectMetaArgs, opts: pulumi.ResourceOptions) -> Secret:
        """Declare the Secret of type kubernetes.io/dockerconfigjson that pods pull with.

        It is immutable and named by the engine: another password is another Secret, and new pods.
        """
        return Secret(
            name,
            metadata=metadata,
            type="kubernetes.io/dockerconfigjson",
            immutable=True,
            string_data={".dockerconfigjson": pulumi.Output.secret(self.password).apply(self._docker_config)},
            opts=opts,
        )

    def _docker_config(self, password: str) -> str:
        token = base64.b64encode(f"{self.username}:{password}".encode()).decode()
        return json.dumps({"auths": {self.registry.auth: {"auth": token}}})
