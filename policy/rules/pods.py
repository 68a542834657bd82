"""Rules for pods: images, resources, probes, users and environment."""

import re
from collections.abc import Iterator

from .resource import WORKLOADS, Properties, Resource, part, parts

SECRET_NAME = re.compile(r"(?i)(passw(or)?d|secret|token|api_?keys?|private_?key|credentials?)$")
"""How the names of environment variables with a secret end. `API_KEYS_PATH` names a file, and is none."""

PASSWORD_IN_ADDRESS = re.compile(r"://[^/\s:@]+:[^/\s@]+@")


def image_by_digest(resource: Resource) -> Iterator[str]:
    """Find images that are named by a tag, which may be moved to another image."""
    for container in resource.containers():
        image = container.get("image")
        if not image or "@sha256:" not in image:
            yield (
                f"container {_name(container)} has the image {image or '(none)'}: name it by its digest, "
                "IMAGE@sha256:..., because a tag may be moved"
            )


def requests_and_limits(resource: Resource) -> Iterator[str]:
    """Find containers without a request and a limit of CPU and memory."""
    for container in resource.containers():
        missing = [
            f"resources.{which}.{what}"
            for which in ("requests", "limits")
            for what in ("cpu", "memory")
            if not part(container, "resources", which).get(what)
        ]
        if missing:
            yield f"container {_name(container)} has no {', '.join(missing)}: set them"


def probes(resource: Resource) -> Iterator[str]:
    """Find containers of pods that run on, of which the kubelet does not know whether they work."""
    if resource.kind not in (*WORKLOADS, "Pod"):
        return
    for container in resource.containers(with_init=False):
        if missing := [name for name in ("livenessProbe", "readinessProbe") if not container.get(name)]:
            yield f"container {_name(container)} has no {' and no '.join(missing)}: set them"


def non_root(resource: Resource) -> Iterator[str]:
    """Find containers that may run as root, or with the rights of the node."""
    for container in resource.containers():
        context = {**part(resource.pod, "securityContext"), **part(container, "securityContext")}
        if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
            yield (
                f"container {_name(container)} may run as root: set securityContext.runAsNonRoot to true, "
                "and no runAsUser 0"
            )
        if context.get("privileged"):
            yield f"container {_name(container)} is privileged: remove securityContext.privileged"


def no_plain_secret(resource: Resource) -> Iterator[str]:
    """Find secrets in the environment of containers that are in plain text. No message repeats a value."""
    for container in resource.containers():
        for variable in parts(container, "env"):
            if _is_secret(variable.get("name"), variable.get("value")):
                yield (
                    f"container {_name(container)} has a secret in plain text in its environment variable "
                    f"{variable['name']}: take it from a Secret, by valueFrom.secretKeyRef or a mounted file"
                )
    if resource.kind == "ConfigMap":
        data = part(resource.properties, "data")
        for key in data:
            if _is_secret(key, data[key]):
                yield f"key {key} has a secret in plain text: put it into a Secret"


def _is_secret(name: str | None, value: str | None) -> bool:
    return bool(value) and bool(SECRET_NAME.search(name or "") or PASSWORD_IN_ADDRESS.search(str(value)))


def _name(container: Properties) -> str:
    return container.get("name") or "(no name)"
