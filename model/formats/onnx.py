"""ONNX, served by ONNX Runtime: https://onnx.ai."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import onnx
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as OperatorMissing

from model.errors import ExportError, innermost, quoted
from model.formats.quiet import quiet
from model.signature import Arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from model.source import Run

FILE = "model.onnx"
BATCH = "batch"
OPSET = 20
"""The one that PyTorch's exporter writes by default."""

LIMIT = 2**31 - 1
"""Bytes of a protocol buffer: https://protobuf.dev/programming-guides/proto-limits/"""


def write(
    folder: Path, *, program: torch.export.ExportedProgram, inputs: Sequence[str], outputs: Sequence[str]
) -> None:
    """Write an exported program as one self-contained file, its first axis of any size.

    Raises:
        ExportError: the program has an operator that ONNX lacks, or weights beyond what one file holds.

    """
    # A SavedModel is exported without PyTorch.
    import torch

    # Before the export, which takes seven times the memory of the weights.
    _check_size(sum(weight.nbytes for weight in program.state_dict.values()))
    try:
        with quiet():
            # By torch.export and not by the older TorchScript exporter: of EfficientNet-Lite0 that one makes
            # five times the nodes (paddings that it cannot fold, a warning for each), a tenth slower to run.
            exported = torch.onnx.export(
                program,
                dynamo=True,
                # Names of no module: an exporter gives a wanted name to two tensors where a layer has it.
                input_names=[_placeholder("input", name) for name in inputs],
                output_names=[_placeholder("output", name) for name in outputs],
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ExportError(
            f"onnx: PyTorch cannot write the module as ONNX: {quoted(innermost(error))}. Try --format "
            "torchscript"
        ) from error
    model = cast(torch.onnx.ONNXProgram, exported).model_proto
    _name(model.graph, inputs, outputs)
    save(model, folder)


def save(model: onnx.ModelProto, folder: Path) -> None:
    """Check a model and write it, without what its exporter noted for debugging: source lines, paths.

    Raises:
        ExportError: it is larger than a file may be, or no valid ONNX.

    """
    _check_size(model.ByteSize())
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = BATCH
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"onnx: what the exporter wrote is not valid: {error}") from None
    onnx.save_model(model, folder / FILE)


def load(folder: Path) -> Run:
    """Return what runs the file.

    Raises:
        ExportError: ONNX Runtime lacks an operator for the data types in it.

    """
    try:
        session = onnxruntime.InferenceSession(folder / FILE, providers=["CPUExecutionProvider"])
    except (OperatorMissing, InvalidGraph, Fail) as error:
        raise ExportError(
            f"onnx: ONNX Runtime cannot run what was written: {error}. It computes little in bfloat16: give "
            "it the weights in float32, by module.float(), or export with --format torchscript"
        ) from None
    outputs = [output.name for output in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(outputs, cast("list[Any]", session.run(outputs, inputs)), strict=True))

    return run


def _check_size(size: int) -> None:
    if size > LIMIT:
        raise ExportError(
            f"onnx: the model takes {size / 1e9:.1f} GB, and an ONNX file holds {LIMIT / 1e9:.1f} GB at "
            "most: export with --format torchscript, or with weights in half precision (module.half())"
        )


def _placeholder(kind: str, name: str) -> str:
    return f"<{kind} {name}>"


def _name(graph: onnx.GraphProto, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give the inputs and outputs their names; a tensor inside that has one of them gets another."""
    wanted = {
        **{_placeholder("input", name): name for name in inputs},
        **{_placeholder("output", name): name for name in outputs},
    }
    inner = {name: f"{name}<inner>" for name in (*inputs, *outputs)}
    _rename(graph, inner)
    _rename(graph, wanted)


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for tensor in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        tensor.name = names.get(tensor.name, tensor.name)
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(name, name) for name in tensors]
        for attribute in node.attribute:
            for branch in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                _rename(branch, names)
