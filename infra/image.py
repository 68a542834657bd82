"""The model's container image: built by BuildKit and pushed to a registry."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_docker_build as docker_build

from infra.artifact import Artifact
from infra.mirror import LIBRARY
from infra.registries import Registry
from infra.registries.credentials import Credentials
from infra.registries.repository import ImageRepository, ImageRepositoryArgs
from infra.runtimes import RUNTIMES
from infra.settings import Settings

PUSH_REPRODUCIBLY = "type=image,push=true,rewrite-timestamp=true"
"""https://github.com/moby/buildkit/blob/master/docs/build-repro.md#source_date_epoch"""

SERVER = "server"
"""The stage of the Dockerfile without the model."""


@dataclass(frozen=True, kw_only=True)
class ModelImageArgs:
    """What the image contains, and how it is built and pushed."""

    artifact: Artifact
    runtime: str
    """A name in `RUNTIMES`."""

    device: Literal["cpu", "gpu"]
    registry: Registry
    platform: Literal["linux/amd64", "linux/arm64"]
    retain: bool
    """Whether `pulumi destroy` leaves the pushed image in the registry."""

    has_model: bool = True
    """Whether the image contains the model. Otherwise pods mount it."""

    credentials: Credentials | None = None
    """None means those of a created repository, or of this machine's `docker login`."""

    builder: str | None = None
    """A builder of buildx. None means its current one."""

    build_image: str | None = None
    runtime_image: str | None = None
    """Base images. None means those of the Dockerfile."""

    mirror: str | None = None
    """Registry with copies of the Dockerfile's base images. None means their own."""

    server: str = "app"
    """Folder of the server with its Dockerfile: the build context, relative to the working directory."""

    @property
    def tag(self) -> str:
        """The model's version, runtime and device: two stacks never push different images to one tag."""
        parts = [self.artifact.version, self.runtime]
        parts += ["gpu"] if self.device == "gpu" else []
        parts += [] if self.has_model else [SERVER]
        return "-".join(parts)

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
            mirror=settings.mirror,
            retain=settings.retain_image,
            has_model=settings.model_source.is_in_image,
        )


class ModelImage(pulumi.ComponentResource):
    """An image with the server, one runtime and one model.

    It is built by pulumi-docker-build and not by pulumi-docker, for three reasons. Only BuildKit takes the
    artifact as a context of its own, so that the model becomes a separate layer. It rewrites timestamps, so
    that the same inputs give the same digest. And it needs no Docker engine.

    """

    ref: pulumi.Output[str]
    """Name, tag and digest, `HOST/PATH/MODEL:VERSION-RUNTIME@sha256:…`."""

    def __init__(self, name: str, args: ModelImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:ModelImage", name, {}, opts)
        for file, digest in args.artifact.code.items():
            path = (args.artifact.path / "steps" / file).as_posix()
            pulumi.log.info(f"{path} is the user's own code, and runs in the pods: sha256 {digest}", self)
        credentials = args.credentials
        repository = None
        if args.registry.repository_class and not credentials:
            repository = args.registry.repository_class.load(ImageRepository)(
                name,
                ImageRepositoryArgs(registry=args.registry, model=args.artifact.name, retain=args.retain),
                pulumi.ResourceOptions(parent=self),
            )
            credentials = repository.credentials
        base_images = {
            "BASE_IMAGES": f"{args.mirror}/{LIBRARY}/" if args.mirror else None,
            "BUILD_IMAGE": args.build_image,
            "RUNTIME_IMAGE": args.runtime_image,
        }
        image = docker_build.Image(
            name,
            context=docker_build.BuildContextArgs(
                location=args.server,
                named={"model": docker_build.ContextArgs(location=args.artifact.path.as_posix())},
            ),
            dockerfile=docker_build.DockerfileArgs(location=f"{args.server}/Dockerfile"),
            build_args={
                "RUNTIME": args.runtime,
                "FORMAT": RUNTIMES[args.runtime].format,
                "DEVICE": args.device,
                "VERSION": args.artifact.version,
                "SOURCE_DATE_EPOCH": "0",
                **{key: value for key, value in base_images.items() if value is not None},
            },
            target=None if args.has_model else SERVER,
            platforms=[docker_build.Platform(args.platform)],
            tags=[args.registry.image(args.artifact.name, args.tag)],
            exports=[docker_build.ExportArgs(raw=PUSH_REPRODUCIBLY)],
            # `push=True` would add a second export, without the rewritten timestamps.
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
