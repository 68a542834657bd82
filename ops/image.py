"""Build an image with buildx as Pulumi's docker-build provider does, so that the digest is the same."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ops.commands import run
from ops.stack import PROJECT


def build_and_push(buildx: Sequence[str], inputs: dict[str, Any]) -> str:
    """Build a docker-build Image from the inputs that the program declared.

    It logs in to the registry as `docker login` did: only the engine can read the credentials of a stack.

    Args:
        buildx: the command of buildx.
        inputs: the inputs of the Image resource.

    Returns:
        `HOST/PATH/MODEL:VERSION@sha256:…`, the same as the provider's output `ref`.

    Raises:
        OperationError: the build failed; the message of buildx is on stderr.

    """
    with tempfile.TemporaryDirectory() as scratch:
        metadata = Path(scratch, "metadata.json")
        run([*buildx, *_arguments(inputs), "--metadata-file", metadata])
        digest = json.loads(metadata.read_text())["containerimage.digest"]
    return f"{inputs['tags'][0]}@{digest}"


def _arguments(inputs: dict[str, Any]) -> list[str]:
    context = inputs["context"]
    return [
        "build",
        *_option("--builder", inputs.get("builder", {}).get("name")),
        "--file",
        str(PROJECT / inputs["dockerfile"]["location"]),
        *(
            option
            for name, named in sorted(context.get("named", {}).items())
            for option in ("--build-context", f"{name}={PROJECT / named['location']}")
        ),
        *(
            option
            for name, value in sorted(inputs["buildArgs"].items())
            for option in ("--build-arg", f"{name}={value}")
        ),
        *_option("--target", inputs.get("target")),
        "--platform",
        ",".join(inputs["platforms"]),
        *(option for tag in inputs["tags"] for option in ("--tag", tag)),
        *(option for export in inputs["exports"] for option in ("--output", export["raw"])),
        # The provider adds no attestation. An attestation holds times, which would change the digest.
        "--provenance=false",
        str(PROJECT / context["location"]),
    ]


def _option(name: str, value: str | None) -> list[str]:
    return [name, value] if value else []
