"""The group `slipway:modelSource`: where the files of the model come from."""

import re
from typing import Literal

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import CONFIG, DnsSubdomain, invalid

BY_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class ModelSource:
    """Where the files of the model come from."""

    type: Literal["image", "pvc", "oci"] = "image"
    """image: the server's image contains them. pvc: a volume of the cluster. oci: an image of their own,
    mounted as a volume; it needs Kubernetes 1.35, or the feature gate ImageVolume."""

    claim: DnsSubdomain | None = None
    """Name of an existing PersistentVolumeClaim in the namespace of the stack, with type pvc."""

    image: str | None = None
    """Reference of the image with its digest, with type oci."""

    path: str | None = None
    """Path of the artifact's folder in the volume or the image. Empty, it is MODEL/VERSION for pvc, as the
    export writes it, and the root for oci."""

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> "ModelSource":
        for key, value, kind in (("claim", self.claim, "pvc"), ("image", self.image, "oci")):
            if value is None and self.type == kind:
                raise invalid(f"must be set, for type is {kind}", key)
            if value is not None and self.type != kind:
                raise invalid(f"empty, unless type is {kind}", key)
        if self.image and not BY_DIGEST.fullmatch(self.image):
            raise invalid("HOST/PATH/NAME@sha256:DIGEST: a tag may be moved to another model", "image")
        if self.path is not None and (
            self.type == "image" or self.path.startswith("/") or ".." in self.path.split("/")
        ):
            raise invalid("a relative path, with type pvc or oci", "path")
        return self

    @property
    def is_in_image(self) -> bool:
        """Whether the server's image contains the model."""
        return self.type == "image"
