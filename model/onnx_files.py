"""Which files belong to an ONNX model: https://onnx.ai/onnx/repo-docs/ExternalData.html."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.message import DecodeError

from model.errors import ExportError


def external_files(file: Path) -> dict[str, Path]:
    """Return the files that hold tensors of an ONNX file, by their paths beside it.

    Raises:
        ExportError: the file cannot be read, or one of the others is missing or outside of its folder.

    """
    try:
        model = onnx.load_model(file, load_external_data=False)
    except OSError as error:
        raise ExportError(f"--onnx {file}: {error.strerror}") from None
    except DecodeError:
        raise ExportError(
            f"--onnx {file}: not an ONNX file, or a damaged one: copy it again, or export the model again"
        ) from None
    found: dict[str, Path] = {}
    for location in sorted(set(_locations(model.graph))):
        path = PurePosixPath(location)
        if path.is_absolute() or ".." in path.parts:
            raise ExportError(
                f"--onnx {file}: its data is at {location}, outside of its folder: save it again with the "
                "data beside the file"
            )
        if not (file.parent / path).is_file():
            raise ExportError(
                f"--onnx {file}: its weights are in {location}, which is missing: put that file beside it"
            )
        found[location] = file.parent / path
    return found


def _locations(graph: onnx.GraphProto) -> Iterator[str]:
    tensors = [*graph.initializer]
    for node in graph.node:
        for attribute in node.attribute:
            tensors += [*attribute.tensors, *([attribute.t] if attribute.HasField("t") else [])]
            for branch in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _locations(branch)
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield from (entry.value for entry in tensor.external_data if entry.key == "location")
