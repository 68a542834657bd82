"""Helm charts, and their releases."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs

RELEASE_SECONDS = 900
"""How long a release may take: it pulls several images, perhaps on nodes that must first start."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A version of a chart."""

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
        """Declare a release with the chart's own name.

        Helm itself installs it, because it runs the chart's hooks: some charts create certificates in a hook.
        An update that fails is undone, so that the release which worked before works again.

        Args:
            name: Prefix of the resource name.
            namespace: Where the release is installed.
            values: The chart's values.
            opts: Options of the release.

        """
        timeouts = pulumi.CustomTimeouts(
            create=f"{RELEASE_SECONDS}s", update=f"{RELEASE_SECONDS}s", delete=f"{RELEASE_SECONDS}s"
        )
        return Release(
            f"{name}-{self.name}",
            name=self.name,
            namespace=namespace,
            chart=self.name,
            version=self.version,
            repository_opts=RepositoryOptsArgs(repo=self.repository),
            values=values,
            timeout=RELEASE_SECONDS,
            atomic=True,
            cleanup_on_fail=True,
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(custom_timeouts=timeouts)),
        )
