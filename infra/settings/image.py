"""Settings of the model, and of the image that contains it."""

import platform
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.registries import Registry
from infra.registries.credentials import Credentials
from infra.runtimes import RUNTIMES, RuntimeName
from infra.settings.cluster import is_created
from infra.settings.values import CONFIG, DnsLabel, OptionalSecret, OptionalText, invalid

PLATFORMS = {
    "x86_64": "linux/amd64",
    "amd64": "linux/amd64",
    "aarch64": "linux/arm64",
    "arm64": "linux/arm64",
}
"""Platform of an image, by the name that operating systems give the machine."""


IMAGE = re.compile(r"([a-z0-9.-]+(?::\d+)?(?:/[a-z0-9._-]+)*)/[a-z0-9._-]+(?::[\w.-]+)?@sha256:[0-9a-f]{64}")
"""An image by its digest. The first group is what the setting `registry` holds."""


def _image(reference: str) -> str | None:
    if reference and not IMAGE.fullmatch(reference):
        raise invalid(
            "HOST/PATH/NAME[:TAG]@sha256:DIGEST: a tag alone may be moved to another image; "
            "`docker buildx imagetools inspect` prints the digest of a tag"
        )
    return reference or None


def _registry(prefix: str, info: ValidationInfo) -> Registry:
    image = IMAGE.fullmatch(info.data.get("image") or "")
    try:
        registry = Registry.parse(prefix or (image[1] if image else ""))
    except ValueError as error:
        raise invalid(str(error)) from None
    if image and registry.host != image[1].partition("/")[0]:
        raise invalid("empty, or the registry of image, whose credentials are those of registry")
    return registry


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class ImageSettings:
    """Which model is served, in which format, and from which registry."""

    model: DnsLabel
    model_version: Annotated[str, Field(pattern=r"^\w+$")]
    model_directory: Path
    runtime: RuntimeName
    image: Annotated[str | None, BeforeValidator(_image)]
    registry: Annotated[Registry, BeforeValidator(_registry)]
    registry_username: OptionalText
    registry_password: OptionalSecret
    pull_secret: bool
    registry_resource_group: OptionalText
    retain_image: bool
    builder: OptionalText
    platform: Literal["linux/amd64", "linux/arm64"]
    build_image: OptionalText
    runtime_image: OptionalText

    @property
    def credentials(self) -> Credentials | None:
        """The registry's user. None means that this machine's `docker login` pushes."""
        if self.registry_username is None or self.registry_password is None:
            return None
        return Credentials(
            registry=self.registry, username=self.registry_username, password=self.registry_password
        )

    @field_validator("runtime")
    @classmethod
    def _supports_the_device(cls, value: str, info: ValidationInfo) -> str:
        device = info.data.get("device", "cpu")
        if device not in RUNTIMES[value].devices:
            others = " or ".join(name for name, runtime in RUNTIMES.items() if device in runtime.devices)
            raise invalid(f"{others}, for device is {device}")
        return value

    @field_validator("pull_secret")
    @classmethod
    def _has_credentials(cls, value: bool, info: ValidationInfo) -> bool:
        if value and None in (info.data.get("registry_username", ""), info.data.get("registry_password", "")):
            raise invalid("true only with registryUsername and registryPassword")
        return value

    @field_validator("registry_resource_group")
    @classmethod
    def _finds_a_registry_of_azure(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "registry" not in info.data:
            return value
        is_asked = "registry" in info.data["registry"].host_parts and is_created(info, "aks")
        if value and not is_asked:
            raise invalid("empty, unless registry is in azurecr.io, and cluster is aks without clusterName")
        if value is None and is_asked and not info.data.get("pull_secret"):
            raise invalid("the resource group of registry, or pullSecret true: otherwise no pod may pull")
        return value

    @field_validator("platform", mode="before")
    @classmethod
    def _resolve_auto(cls, value: str, info: ValidationInfo) -> str:
        if value != "auto":
            return value
        if info.data.get("cluster", "local") != "local":
            raise invalid("linux/amd64 or linux/arm64, unless cluster is local")
        if (machine := platform.machine().lower()) not in PLATFORMS:
            raise invalid(f"linux/amd64 or linux/arm64: this machine is {machine}")
        return PLATFORMS[machine]

    @field_validator("platform")
    @classmethod
    def _has_a_runtime_and_nodes(cls, value: str, info: ValidationInfo) -> str:
        if value != "linux/amd64" and info.data.get("device") == "gpu":
            raise invalid("linux/amd64, for device is gpu: the CUDA runtimes exist for no other")
        if value != "linux/amd64" and is_created(info):
            raise invalid("linux/amd64, for the nodes of a cluster that is created here are of this platform")
        return value
