"""Helm charts, and releases of them by Helm itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs

SECONDS = 900
"""How long a release may take: images of half a dozen projects, perhaps on nodes that are not there yet."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart in one version."""

    name: str
    version: str
    repository: str

    def release(
        self,
        name: str,
        namespace: pulumi.Input[str],
        values: Mapping[str, object],
        opts: pulumi.ResourceOptions,
    ) -> Release:
        """Declare a release of it, named as the chart is.

        By Helm itself, for its hooks: charts make the certificates of their webhooks in one.

        """
        timeouts = pulumi.CustomTimeouts(create=f"{SECONDS}s", update=f"{SECONDS}s", delete=f"{SECONDS}s")
        return Release(
            f"{name}-{self.name}",
            name=self.name,
            namespace=namespace,
            chart=self.name,
            version=self.version,
            repository_opts=RepositoryOptsArgs(repo=self.repository),
            values=values,
            timeout=SECONDS,
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(custom_timeouts=timeouts)),
        )
