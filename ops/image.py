"""Build an image with buildx as the docker-build provider does: the same inputs give the same digest."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ops.commands import run
from ops.stack import PROJECT


def build_and_push(buildx: Sequence[str], inputs: dict[str, Any]) -> str:
    """Build a docker-build Image from the inputs that the program declared.

    Credentials are those of `docker login`: a stack's own are readable by the engine alone.

    Returns:
        `HOST/PATH/MODEL:VERSION@sha256:…`, as the provider's output `ref`.

    Raises:
        OperationError: the build fails; buildx has then said why.

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
        "--platform",
        ",".join(inputs["platforms"]),
        *(option for tag in inputs["tags"] for option in ("--tag", tag)),
        *(option for export in inputs["exports"] for option in ("--output", export["raw"])),
        # The provider attests nothing; an attestation holds times, and would change the digest.
        "--provenance=false",
        str(PROJECT / context["location"]),
    ]


def _option(name: str, value: str | None) -> list[str]:
    return [name, value] if value else []
