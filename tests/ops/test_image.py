import json
import sys
from collections.abc import Callable
from pathlib import Path

from ops.image import build_and_push
from ops.program import IMAGE, run
from ops.stack import PROJECT, Stack
from tests.conftest import VERSION

BUILDX = """
import json, sys
arguments = sys.argv[1:]
file = arguments[arguments.index("--metadata-file") + 1]
open(file, "w").write(json.dumps({"containerimage.digest": "sha256:abc"}))
open(%r, "w").write(json.dumps(arguments))
"""


def test_buildx_gets_the_inputs_that_the_program_declared(
    stack_of: Callable[..., Stack], models: Path, tmp_path: Path
):
    log = tmp_path / "log.json"
    stack = stack_of(builder="mine", runtimeImage="slim:1")
    (inputs,) = [item.inputs for item in run(stack).resources if item.type == IMAGE]

    ref = build_and_push([sys.executable, "-c", BUILDX % str(log)], inputs)

    tag = f"docker.io/acme/tiny:{VERSION}-onnx"
    assert ref == f"{tag}@sha256:abc"
    arguments = json.loads(log.read_text())
    at = arguments.index("--metadata-file")
    assert arguments[:at] + arguments[at + 2 :] == [
        "build",
        "--builder", "mine",
        "--file", str(PROJECT / "app/Dockerfile"),
        "--build-context", f"model={models}/tiny/{VERSION}",
        "--build-arg", "DEVICE=cpu",
        "--build-arg", "FORMAT=onnx",
        "--build-arg", "RUNTIME=onnx",
        "--build-arg", "RUNTIME_IMAGE=slim:1",
        "--build-arg", "SOURCE_DATE_EPOCH=0",
        "--build-arg", f"VERSION={VERSION}",
        "--platform", "linux/amd64",
        "--tag", tag,
        "--output", "type=image,push=true,rewrite-timestamp=true",
        "--provenance=false",
        str(PROJECT / "app"),
    ]  # fmt: skip
