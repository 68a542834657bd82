"""A registry's user and password, for pushing and for pulling."""

import base64
import json
from dataclasses import dataclass

import pulumi
import pulumi_docker_build as docker_build
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.registries import Registry


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A user of a registry, and the user's password, which is a Pulumi secret."""

    registry: Registry
    username: str
    password: pulumi.Output[str]

    def for_build(self) -> docker_build.RegistryArgs:
        """Return the credentials that BuildKit pushes with."""
        return docker_build.RegistryArgs(
            address=self.registry.host, username=self.username, password=self.password
        )

    def pull_secret(self, name: str, metadata: ObjectMetaArgs, opts: pulumi.ResourceOptions) -> Secret:
        """Declare the Secret of type kubernetes.io/dockerconfigjson that pods pull with.

        It is immutable, and the engine chooses its name: a new password gives a new Secret and new pods.

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
