"""The registry, BuildKit, and the images that the cluster itself needs."""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx

from ops.commands import output_of
from ops.local import debian
from ops.local.debian import PYTHON, SUITE
from ops.local.node import PAUSE
from ops.local.paths import BUILDER, CACHE, REGISTRY, STATE
from ops.local.processes import start, wait_for
from ops.local.whole import remove
from ops.progress import step

BUILDKIT_SOCKET = STATE / "buildkit" / "buildkitd.sock"
BUILDKIT_CACHE = "4GB"
RUNTIME_IMAGE = f"{REGISTRY}/python:{PYTHON}-slim-{SUITE}"
BUILD_IMAGE = f"{REGISTRY}/python:{PYTHON}-{SUITE}"
METRICS_SERVER = f"{REGISTRY}/metrics-server:v0.8.0"
BUSYBOX = Path("/bin/busybox")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """How an image is built. A change of any field but the context builds it again."""

    image: str
    dockerfile: str
    context: Path
    depends_on: str = ""

    @property
    def stamp(self) -> Path:
        """The file that records the digest of the recipe that was pushed last."""
        return CACHE / "images" / self.image.rpartition("/")[2]

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.dockerfile} {self.depends_on}".encode()).hexdigest()

    @property
    def was_pushed(self) -> bool:
        """Whether the image was built and pushed before; the registry may have lost it since."""
        return self.stamp.exists() and self.stamp.read_text() == self.digest


def _base() -> _Recipe:
    archive = debian.ARCHIVE
    dockerfile = f"FROM scratch\nADD {archive.name} /\n"
    return _Recipe(image=RUNTIME_IMAGE, dockerfile=dockerfile, context=archive.parent)


def has_base_image() -> bool:
    """Tell whether the image of Debian with Python was pushed before."""
    return _base().was_pushed


def start_registry() -> None:
    """Start a registry on 127.0.0.1. Its images are kept in the cache and outlive the cluster."""
    config = STATE / "registry.yaml"
    config.write_text(f"""\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {CACHE / "registry"}}}
  delete: {{enabled: true}}
http: {{addr: "{REGISTRY}"}}
""")
    start("registry", ["docker-registry", "serve", config])
    wait_for("registry", "the registry answers", lambda: _answers("/v2/"), seconds=30)


def start_buildkit(bin_folder: Path) -> None:
    """Start BuildKit and register it with buildx as a builder."""
    BUILDKIT_SOCKET.parent.mkdir(parents=True)
    config = BUILDKIT_SOCKET.parent / "buildkitd.toml"
    config.write_text(f"""\
root = "{CACHE / "buildkit"}"
[grpc]
  address = ["unix://{BUILDKIT_SOCKET}"]
[worker.oci]
  binary = "runc"
  maxUsedSpace = "{BUILDKIT_CACHE}"
[registry."{REGISTRY}"]
  http = true
""")
    start("buildkitd", [bin_folder / "buildkitd", "--config", config])
    wait_for("buildkitd", "BuildKit listens", BUILDKIT_SOCKET.exists, seconds=30)
    buildx = bin_folder / "buildx"
    remove_builder(bin_folder)
    output_of([buildx, "create", "--name", BUILDER, "--driver", "remote", f"unix://{BUILDKIT_SOCKET}"])


def remove_builder(bin_folder: Path) -> None:
    """Remove the builder from buildx's list, if it is there."""
    if BUILDER in output_of([bin_folder / "buildx", "ls", "--format={{.Name}}"]).split():
        output_of([bin_folder / "buildx", "rm", BUILDER])


def build_images(bin_folder: Path) -> None:
    """Build and push the images that the registry lacks: pause, metrics-server and the Python base images."""
    context = STATE / "context"
    context.mkdir()
    for file in (BUSYBOX, CERTIFICATES):
        shutil.copy(file, context)
    wheels = _wheels()
    for wheel in wheels:
        shutil.copy(wheel, context)
    for recipe in (
        _Recipe(
            image=PAUSE,
            dockerfile='FROM scratch\nCOPY busybox /\nENTRYPOINT ["/busybox", "sleep", "2147483647"]\n',
            context=context,
        ),
        _program(METRICS_SERVER, bin_folder / "metrics-server"),
        _base(),
        _Recipe(
            image=BUILD_IMAGE,
            # The machine's certificates, for networks with a TLS proxy, and the wheels of its PIP_FIND_LINKS,
            # such as a build of torch that no index of its network has.
            dockerfile=f"""\
FROM {RUNTIME_IMAGE}
RUN apt-get update && apt-get install --yes --no-install-recommends python3-pip ca-certificates
COPY {CERTIFICATES.name} {CERTIFICATES}
ENV PIP_CERT={CERTIFICATES} SSL_CERT_FILE={CERTIFICATES}
"""
            + "".join(f"COPY {wheel.name} /wheels/\n" for wheel in wheels)
            + ("ENV PIP_FIND_LINKS=/wheels\n" if wheels else ""),
            context=context,
            depends_on=hashlib.sha256(CERTIFICATES.read_bytes()).hexdigest(),
        ),
    ):
        _ensure(recipe, bin_folder)


def _wheels() -> list[Path]:
    """Return the wheels in the folders of PIP_FIND_LINKS that the Python of the images can install.

    https://pip.pypa.io/en/stable/cli/pip_install/
    https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
    """
    folders = (Path(place) for place in os.environ.get("PIP_FIND_LINKS", "").split())
    wheels = sorted(wheel for folder in folders for wheel in folder.glob("*.whl"))
    fitting = {f"cp{PYTHON.replace('.', '')}", "py3", "abi3"}
    return [wheel for wheel in wheels if fitting & {*re.split(r"[-.]", wheel.stem)}]


def push_program(image: str, program: Path, bin_folder: Path) -> None:
    """Build and push an image that holds a single program, unless the registry has it."""
    _ensure(_program(image, program), bin_folder)


def _program(image: str, program: Path) -> _Recipe:
    # In /bin, because Prometheus mounts its data at /prometheus.
    path = f"/bin/{program.name}"
    return _Recipe(
        image=image,
        dockerfile=f'FROM scratch\nCOPY {program.name} {path}\nUSER 65532\nENTRYPOINT ["{path}"]\n',
        context=program.parent,
        depends_on=program.parent.name,
    )


def _ensure(recipe: _Recipe, bin_folder: Path) -> None:
    name, _, tag = recipe.image.removeprefix(f"{REGISTRY}/").partition(":")
    if recipe.was_pushed and _answers(f"/v2/{name}/manifests/{tag}"):
        return
    with step(f"build {recipe.image}"):
        if recipe.image == RUNTIME_IMAGE:
            debian.bootstrap()
        output_of(
            [
                bin_folder / "buildx",
                "build",
                f"--builder={BUILDER}",
                "--file=-",
                "--provenance=false",
                "--build-arg=SOURCE_DATE_EPOCH=0",
                f"--output=type=image,name={recipe.image},push=true,rewrite-timestamp=true",
                recipe.context,
            ],
            stdin=recipe.dockerfile,
        )
    recipe.stamp.parent.mkdir(parents=True, exist_ok=True)
    recipe.stamp.write_text(recipe.digest)
    if recipe.image == RUNTIME_IMAGE:
        # The registry has the image now: delete the archive, and BuildKit's copy of it.
        remove(debian.ARCHIVE)
        copies = "--filter=type=source.local"
        output_of([bin_folder / "buildx", "prune", f"--builder={BUILDER}", "--force", copies])


def _answers(path: str) -> bool:
    accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    try:
        return httpx.head(f"http://{REGISTRY}{path}", headers={"accept": accept}).is_success
    except httpx.TransportError:
        return False
