"""A declared resource, as the rules see it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Properties = Mapping[str, Any]
NOTHING: Properties = {}


def part(properties: Properties, *path: str) -> Properties:
    """Return the mapping at a path within properties; empty if it is missing or null."""
    for key in path:
        properties = properties.get(key) or NOTHING
    return properties


def parts(properties: Properties, *path: str) -> Sequence[Properties]:
    """Return the list at a path within properties; empty if it is missing or null."""
    *parents, key = path
    return part(properties, *parents).get(key) or ()


WORKLOADS = ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")
"""Kinds with a pod template whose pods run until they are removed."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource with its inputs: those of a Kubernetes object are the object itself."""

    name: str
    """The name of the object in its cluster, or the resource's name in the stack."""

    properties: Properties
    type: str = ""
    """The resource's type in Pulumi, such as `aws:ecr/repository:Repository`."""

    is_protected: bool = False
    """Whether Pulumi refuses to delete it: its option `protect`."""

    urn: str | None = None
    """The resource's address in the engine."""

    @property
    def kind(self) -> str:
        """The kind of a Kubernetes object. It is empty for resources of a cloud."""
        return self.properties.get("kind", "") if "apiVersion" in self.properties else ""

    @property
    def title(self) -> str:
        """How a message names the resource."""
        return f"{self.kind or self.type} {self.name}"

    @property
    def spec(self) -> Properties:
        """The specification of a Kubernetes object; empty if it has none."""
        return part(self.properties, "spec")

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of a Kubernetes object; empty if it has none."""
        return part(self.properties, "metadata", "annotations")

    @property
    def pod_template(self) -> Properties:
        """The template of the pods that an object creates; empty if it creates none."""
        match self.kind:
            case "Pod":
                return self.properties
            case "CronJob":
                return part(self.spec, "jobTemplate", "spec", "template")
            case kind if kind in (*WORKLOADS, "Job"):
                return part(self.spec, "template")
            case _:
                return NOTHING

    @property
    def pod_labels(self) -> Mapping[str, str]:
        """The labels of the pods that an object creates."""
        return part(self.pod_template, "metadata", "labels")

    @property
    def pod(self) -> Properties:
        """The specification of the pods that an object creates; empty if it creates none."""
        return part(self.pod_template, "spec")

    def containers(self, *, with_init: bool = True) -> Iterator[Properties]:
        """Yield the containers of the pods that an object creates."""
        yield from parts(self.pod, "containers")
        if with_init:
            yield from parts(self.pod, "initContainers")


def selects(selector: Properties | None, labels: Mapping[str, str]) -> bool:
    """Return whether the labels of a selector are among some labels. No selector selects nothing."""
    wanted = None if selector is None else selector.get("matchLabels", selector)
    return wanted is not None and all(labels.get(key) == value for key, value in wanted.items())
