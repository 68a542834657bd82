"""The model's container image, built by BuildKit and pushed."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_docker_build as docker_build

from infra.artifact import Artifact
from infra.clouds.sdk import sdk
from infra.registry import Credentials, Registry
from infra.settings import Settings

APP = "app"
"""The folder of the server: the build context, with its Dockerfile."""

PUSH_REPRODUCIBLY = "type=image,push=true,rewrite-timestamp=true"
"""https://github.com/moby/buildkit/blob/master/docs/build-repro.md#source_date_epoch"""


@dataclass(frozen=True, kw_only=True)
class ModelImageArgs:
    """What goes into the image, where it goes, and by which builder."""

    artifact: Artifact
    runtime: str
    device: Literal["cpu", "gpu"]
    registry: Registry
    credentials: Credentials | None
    platform: Literal["linux/amd64", "linux/arm64"]
    builder: str | None
    build_image: str | None
    runtime_image: str | None
    retain: bool

    @property
    def tag(self) -> str:
        """The model's version and what computes it, so that no stack takes the tag of another's image."""
        return "-".join([self.artifact.version, self.runtime, *(["gpu"] if self.device == "gpu" else [])])

    @classmethod
    def of(cls, settings: Settings, artifact: Artifact) -> "ModelImageArgs":
        """Take from the settings what concerns the image."""
        return cls(
            artifact=artifact,
            runtime=settings.runtime,
            device=settings.device,
            registry=settings.registry,
            credentials=settings.credentials,
            platform=settings.platform,
            builder=settings.builder,
            build_image=settings.build_image,
            runtime_image=settings.runtime_image,
            retain=settings.retain_image,
        )


class ModelImage(pulumi.ComponentResource):
    """An image that holds the server, one runtime, for CPUs or GPUs, and one model.

    pulumi-docker-build rather than pulumi-docker: only BuildKit takes the artifact as a named
    context (so that the model is a layer of its own, outside the server's folder), rewrites
    timestamps (so that the same inputs give the same digest), and builds without a Docker engine.

    """

    ref: pulumi.Output[str]
    """Name, tag and digest, `HOST/PATH/MODEL:VERSION-RUNTIME@sha256:…`."""

    def __init__(self, name: str, args: ModelImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:ModelImage", name, {}, opts)
        credentials = args.credentials
        repository = None
        if args.registry.ecr and not credentials:
            with sdk("eks"):
                from infra.ecr import EcrRepository, EcrRepositoryArgs
            repository = EcrRepository(
                name,
                EcrRepositoryArgs(registry=args.registry, model=args.artifact.name, retain=args.retain),
                pulumi.ResourceOptions(parent=self),
            )
            credentials = repository.credentials
        chosen = {"BUILD_IMAGE": args.build_image, "RUNTIME_IMAGE": args.runtime_image}
        image = docker_build.Image(
            name,
            context=docker_build.BuildContextArgs(
                location=APP,
                named={"model": docker_build.ContextArgs(location=args.artifact.path.as_posix())},
            ),
            dockerfile=docker_build.DockerfileArgs(location=f"{APP}/Dockerfile"),
            build_args={
                "RUNTIME": args.runtime,
                "DEVICE": args.device,
                "VERSION": args.artifact.version,
                "SOURCE_DATE_EPOCH": "0",
                **{key: value for key, value in chosen.items() if value is not None},
            },
            platforms=[docker_build.Platform(args.platform)],
            tags=[args.registry.image(args.artifact.name, args.tag)],
            exports=[docker_build.ExportArgs(raw=PUSH_REPRODUCIBLY)],
            # The shorthand would add a second export, without the rewritten timestamps.
            push=False,
            build_on_preview=False,
            builder=docker_build.BuilderConfigArgs(name=args.builder) if args.builder else None,
            registries=[credentials.for_build()] if credentials else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                retain_on_delete=args.retain,
                depends_on=[repository] if repository else None,
            ),
        )
        self.ref = image.ref
        self.register_outputs({"ref": self.ref})
