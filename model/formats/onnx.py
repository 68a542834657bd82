"""ONNX, served by ONNX Runtime: https://onnx.ai."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import onnx
import onnxruntime

from model.errors import ExportError
from model.formats.quiet import quiet
from model.signature import Arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from model.source import Run

FILE = "model.onnx"
BATCH = "batch"
OPSET = 20
"""The one that PyTorch's exporter writes by default."""


def write(
    folder: Path, *, program: torch.export.ExportedProgram, inputs: Sequence[str], outputs: Sequence[str]
) -> None:
    """Write an exported program as one self-contained file, its first axis of any size.

    Raises:
        ExportError: the program has an operator that ONNX lacks.

    """
    # A SavedModel is exported without PyTorch.
    import torch

    try:
        with quiet():
            # By torch.export and not by the older TorchScript exporter: of EfficientNet-Lite0 that one makes
            # five times the nodes (paddings that it cannot fold, a warning for each), a tenth slower to run.
            exported = torch.onnx.export(
                program,
                dynamo=True,
                input_names=list(inputs),
                output_names=list(outputs),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ExportError(f"onnx: {error}") from None
    save(cast(torch.onnx.ONNXProgram, exported).model_proto, folder)


def save(model: onnx.ModelProto, folder: Path) -> None:
    """Check a model and write it, without what its exporter noted for debugging: source lines, paths."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = BATCH
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, folder / FILE)


def load(folder: Path) -> Run:
    """Return what runs the file."""
    session = onnxruntime.InferenceSession(folder / FILE, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(outputs, cast("list[Any]", session.run(outputs, inputs)), strict=True))

    return run
