"""Make a source of an ONNX file that exists."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
)
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as OperatorMissing

from model import onnx_reference
from model.errors import ExportError
from model.formats import onnx
from model.onnx_files import external_files
from model.signature import Arrays
from model.source import Format, Run, Source, one_by_one
from model.sources import declared
from model.sources.declared import Declarations, Declared
from model.sources.kind import Given
from model.version import fingerprint_of_files

UNREADABLE = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile)

DTYPES = {
    "tensor(bool)": "bool",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(string)": "str",
    **{f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
"""NumPy's names by those of ONNX Runtime."""


def load(given: Given) -> Source:
    """Make a source of an ONNX file. The file itself, with its external data, becomes the artifact's.

    The model is the file as ONNX Runtime computes it without optimisations; the export is the file as it is
    served, optimised.

    Raises:
        ExportError: the file cannot be read or served, or the examples do not fit it.

    """
    file: Path = given.model
    given.report(f"loading {file}")
    external = external_files(file)
    session = _session(file)
    inputs = _declarations("input", session.get_inputs())
    outputs = _declarations("output", session.get_outputs())
    names = _output_names(given, outputs)
    batched = not given.options["no_batch_axis"] and all(
        spec.shape[:1] == (None,) for spec in inputs.values()
    )
    groups = declared.examples(given, inputs, batched=batched)
    open_inputs = declared.open_axes(inputs, batched=batched)
    # With fixed inputs an open axis of an output has one length only: a batch has no room for another.
    open_outputs = (
        declared.open_axes(outputs, batched=batched) if any(open_inputs.values()) or not batched else {}
    )
    run = _runner(session, names)
    files = {onnx.FILE: file, **external}
    size = sum(part.stat().st_size for part in files.values())
    return Source(
        description=given.description,
        eager=run if batched else one_by_one(run),
        samples=groups[0],
        others=groups[1:],
        expected=declared.expected(given, groups, outputs),
        fingerprint=fingerprint_of_files(files),
        formats=(
            Format(
                name="onnx",
                write=partial(_copy, files=files),
                load=partial(onnx.load, batched=batched),
            ),
        ),
        batched=batched,
        open_axes={**open_inputs, **open_outputs},
        is_noise=given.is_noise,
        reference=partial(onnx_reference.answer, file, size, batched=batched),
    )


def _session(file: Path) -> Any:  # noqa: ANN401 - ONNX Runtime has no types
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except OperatorMissing as error:
        raise ExportError(
            f"--onnx {file}: ONNX Runtime {onnxruntime.__version__} has no kernel for an operation: "
            f"{_first_line(error)}. "
            "It supports few operations in bfloat16: convert the model to float32"
        ) from None
    except UNREADABLE as error:
        raise ExportError(
            f"--onnx {file}: ONNX Runtime {onnxruntime.__version__} cannot load it: {_first_line(error)}. "
            "Is it an ONNX file, complete, with its external data beside it, and without operators of a "
            "library of its own?"
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _declarations(kind: str, tensors: Any) -> Declarations:  # noqa: ANN401 - as above
    found: dict[str, Declared] = {}
    for tensor in tensors:
        if tensor.type.startswith("seq(map("):
            raise ExportError(
                f"{kind} {tensor.name!r} is {tensor.type}, a list of dictionaries, which no client can take: "
                "convert the classifier again by skl2onnx or onnxmltools with options={'zipmap': False}"
            )
        if tensor.type not in DTYPES:
            raise ExportError(
                f"{kind} {tensor.name!r} is {tensor.type}, and a client can send and take "
                f"{', '.join(DTYPES)}: "
                "convert it inside the model, by a Cast for example"
            )
        shape = tuple(length if isinstance(length, int) and length > 0 else None for length in tensor.shape)
        found[tensor.name] = Declared(dtype=np.dtype(DTYPES[tensor.type]), shape=shape)
    return found


def _output_names(given: Given, outputs: Declarations) -> list[str]:
    names = list(given.outputs or outputs)
    if unknown := [name for name in names if name not in outputs]:
        raise ExportError(f"--output-name {', '.join(unknown)}: the outputs are {', '.join(outputs)}")
    return names


def _runner(session: Any, names: list[str]) -> Run:  # noqa: ANN401 - as above
    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, cast("list[Any]", session.run(names, inputs)), strict=True))

    return run


def _copy(folder: Path, *, files: dict[str, Path]) -> None:
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)
