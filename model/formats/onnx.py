"""ONNX, run by ONNX Runtime: https://onnx.ai."""

from __future__ import annotations

import warnings
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
    from collections.abc import Collection, Mapping, Sequence

    import torch

    from model.source import Run

FILE = "model.onnx"
BATCH = "batch"
OPSET = 20
"""The operator set that PyTorch's exporter writes by default."""

LARGEST_INLINE = 100_000_000
"""Larger weights, in bytes, get a file of their own: each step of the export would copy them, and a protocol
buffer holds 2 GiB at most: https://protobuf.dev/programming-guides/proto-limits/"""


def write(
    folder: Path,
    *,
    program: torch.export.ExportedProgram,
    inputs: Sequence[str],
    outputs: Sequence[str],
    batched: bool = True,
) -> None:
    """Write an exported program as ONNX: one file, or two where the weights are large.

    Args:
        folder: an existing folder, which gets `model.onnx`, and `model.onnx.data` for large weights.
        program: a module that torch.export followed.
        inputs: names of the program's inputs, in their order.
        outputs: names of the program's outputs, in their order.
        batched: whether the first axis of each is the batch.

    Raises:
        ExportError: ONNX has no such operator.

    """
    # Not at the top: a SavedModel is exported without PyTorch.
    import torch

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
            large = _weight_bytes(program) > LARGEST_INLINE
            model = _proto(cast(torch.onnx.ONNXProgram, exported), folder, large=large)
            del exported
    except (torch.onnx.OnnxExporterError, ProtobufError) as error:
        raise ExportError(
            f"onnx: PyTorch cannot write the module as ONNX: {quoted(innermost(error))}. Try --format "
            "torchscript"
        ) from error
    _set_names(model.graph, inputs, outputs)
    save(model, folder, batched=batched)


def write_traced(
    folder: Path,
    *,
    module: torch.nn.Module,
    example: tuple[torch.Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    open_axes: Sequence[Collection[int]],
    batched: bool,
) -> None:
    """Write a module as ONNX by tracing it, for lengths that torch.export cannot leave open.

    torch.export takes the length of a recurrent layer's input for a constant; PyTorch's older exporter writes
    the layer as one operator, for any length.

    Args:
        folder: an existing folder, which gets `model.onnx`.
        module: in evaluation mode.
        example: its arguments.
        inputs: names of the arguments, in their order.
        outputs: names of the results, in their order.
        open_axes: the axes of each argument that may have any length.
        batched: whether the first axis of each is the batch.

    Raises:
        ExportError: ONNX has no such operator.

    """
    # Not at the top: a SavedModel is exported without PyTorch.
    import torch

    names = [_placeholder("input", name) for name in inputs]
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                example,
                folder / FILE,
                dynamo=False,
                input_names=names,
                output_names=[_placeholder("output", name) for name in outputs],
                dynamic_axes={name: list(axes) for name, axes in zip(names, open_axes, strict=True)},
                opset_version=OPSET,
            )
    except Exception as error:
        raise ExportError(
            f"onnx: PyTorch cannot write the module as ONNX: {quoted(innermost(error))}. Try --format "
            "torchscript"
        ) from error
    model = onnx.load_model(folder / FILE)
    for tensor in model.graph.output:
        # The exporter guesses these from the example.
        for axis in tensor.type.tensor_type.shape.dim:
            axis.Clear()
    _set_names(model.graph, inputs, outputs)
    save(model, folder, batched=batched)


def _proto(exported: torch.onnx.ONNXProgram, folder: Path, *, large: bool) -> onnx.ModelProto:
    """Return the graph; large weights are written beside it and are not in memory a second time."""
    if not large:
        return exported.model_proto
    exported.save(folder / FILE, external_data=True)
    return onnx.load_model(folder / FILE, load_external_data=False)


def save(model: onnx.ModelProto, folder: Path, *, batched: bool = True) -> None:
    """Check a model and write it, without the exporter's notes for debugging: source lines and paths.

    Raises:
        ExportError: the model is not valid ONNX.

    """
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    for tensor in (*graph.input, *graph.output) if batched else ():
        tensor.type.tensor_type.shape.dim[0].dim_param = BATCH
    onnx.save_model(model, folder / FILE)
    try:
        # By its path, because only then the checker finds weights in another file.
        onnx.checker.check_model(folder / FILE, full_check=not _has_external_data(folder))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"onnx: the exporter wrote a file that is not valid: {quoted(error)}. Export in another format, "
            "with --format"
        ) from None


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


def _has_external_data(folder: Path) -> bool:
    return any(file.name != FILE for file in folder.iterdir())


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
