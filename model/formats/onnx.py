"""ONNX, run by ONNX Runtime: https://onnx.ai."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import onnx
import onnxruntime
from google.protobuf.message import Error as ProtobufError
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as OperatorMissing

from model.errors import ExportError, innermost, quoted
from model.formats.quiet import quiet
from model.signature import Arrays
from model.source import one_by_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from model.source import Run

FILE = "model.onnx"
BATCH = "batch"
OPSET = 20
"""The operator set that PyTorch's exporter writes by default."""

MAX_BYTES = 2**31 - 1
"""Largest size of a protocol buffer: https://protobuf.dev/programming-guides/proto-limits/"""


def write(
    folder: Path,
    *,
    program: torch.export.ExportedProgram,
    inputs: Sequence[str],
    outputs: Sequence[str],
    batched: bool = True,
) -> None:
    """Write an exported program as one self-contained ONNX file with an open batch axis.

    Args:
        folder: an existing folder, which gets `model.onnx`.
        program: a module that torch.export followed.
        inputs: names of the program's inputs, in their order.
        outputs: names of the program's outputs, in their order.
        batched: whether the first axis of each is the batch.

    Raises:
        ExportError: ONNX has no such operator, or the weights exceed the size of an ONNX file.

    """
    # Not at the top: a SavedModel is exported without PyTorch.
    import torch

    # Before the export, which takes seven times the memory of the weights.
    _check_size(_weight_bytes(program))
    try:
        with quiet():
            # torch.onnx.export(dynamo=False), the older exporter, makes five times the nodes of
            # EfficientNet-Lite0 (it cannot fold paddings), and they run a tenth slower.
            exported = torch.onnx.export(
                program,
                dynamo=True,
                # Names that no layer has: where one has it, the exporter gives two tensors the same name.
                input_names=[_placeholder("input", name) for name in inputs],
                output_names=[_placeholder("output", name) for name in outputs],
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
            model = cast(torch.onnx.ONNXProgram, exported).model_proto
    except (torch.onnx.OnnxExporterError, ProtobufError) as error:
        raise ExportError(
            f"onnx: PyTorch cannot write the module as ONNX: {quoted(innermost(error))}. Try --format "
            "torchscript"
        ) from error
    _set_names(model.graph, inputs, outputs)
    save(model, folder, batched=batched)


def save(model: onnx.ModelProto, folder: Path, *, batched: bool = True) -> None:
    """Check a model and write it, without the exporter's notes for debugging: source lines and paths.

    Raises:
        ExportError: the model is too large for a file, or not valid ONNX.

    """
    _check_size(model.ByteSize())
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    for tensor in (*graph.input, *graph.output) if batched else ():
        tensor.type.tensor_type.shape.dim[0].dim_param = BATCH
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"onnx: the exporter wrote a file that is not valid: {quoted(error)}. Export in another format, "
            "with --format"
        ) from None
    onnx.save_model(model, folder / FILE)


def load(folder: Path, *, batched: bool = True) -> Run:
    """Return a function that runs the ONNX file in a folder.

    Args:
        folder: holds `model.onnx`.
        batched: whether the first axis of each tensor is the batch; otherwise it takes batches of one.

    Raises:
        ExportError: ONNX Runtime has no operator for the data types in the file.

    """
    try:
        session = onnxruntime.InferenceSession(folder / FILE, providers=["CPUExecutionProvider"])
    except (OperatorMissing, InvalidGraph, Fail) as error:
        raise ExportError(
            f"onnx: ONNX Runtime cannot run the exported file: {error}. It supports few operations in "
            "bfloat16: convert the weights to float32, by module.float(), or export with --format torchscript"
        ) from None
    outputs = [output.name for output in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(outputs, cast("list[Any]", session.run(outputs, inputs)), strict=True))

    return run if batched else one_by_one(run)


def _weight_bytes(program: torch.export.ExportedProgram) -> int:
    import torch

    values = (*program.state_dict.values(), *program.constants.values())
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    # Weights that two layers share are written once.
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors}.values())


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise ExportError(
            f"onnx: the model takes {size / 1e9:.1f} GB, and an ONNX file holds {MAX_BYTES / 1e9:.1f} GB at "
            "most: export with --format torchscript, or with weights in half precision (module.half())"
        )


def _placeholder(kind: str, name: str) -> str:
    return f"<{kind} {name}>"


def _set_names(graph: onnx.GraphProto, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give the inputs and outputs their names, and rename tensors inside that have the same name."""
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
