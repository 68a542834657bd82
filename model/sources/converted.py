"""Make a source of a model that a library has converted to ONNX, with the library's own answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from model.errors import ExportError, UsageError, quoted
from model.formats import onnx as onnx_format
from model.signature import Arrays
from model.source import Format, Report, Source
from model.sources.answer import Answer
from model.sources.features import Features
from model.sources.kind import Given
from model.version import fingerprint

SMALLEST_IR = 8
"""The version of the ONNX file format in which a weight need not be an input too."""

OPSET = 18
"""Version of ONNX's own operators, for a file that has none of them yet."""

ALLOWED_DIFFERENCE = 1e-4
"""How far an answer may move where a number is rounded to float32, relative to the largest answer."""

ALLOWED_ROWS = 0.01
"""Share of the rows that may be answered otherwise: a number at a tree's threshold can change its side."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A model of tables, converted."""

    proto: onnx.ModelProto
    output: str
    """The name of the output in the ONNX model that holds the answer."""

    answer: Answer
    """The answer of the model's own library."""

    reference: Answer | None = None
    """The same for the model with float32 thresholds; None if the library's own model needs no rounding."""

    rows: Callable[[Arrays], Any]
    """Turns an example, or the inputs of a request, into rows as the library reads them."""


def source_of(conversion: Conversion, features: Features, given: Given) -> Source:
    """Make a source of a converted model.

    Args:
        conversion: the model.
        features: its example.
        given: what the command line says. A name of an output takes the place of the library's.

    Raises:
        UsageError: more than one name is given for the single output, or more than one example.
        ExportError: the library fails on the example, or answers otherwise where numbers are float32.

    """
    answer = conversion.answer
    if given.outputs and len(given.outputs) > 1:
        raise UsageError(f"--output-name: the model has one output, {answer.name}; give one name")
    if len(given.examples) > 1:
        raise UsageError(
            "--example: a model of tables has rows of one length; give one file with all of them"
        )
    name = given.outputs[0] if given.outputs else answer.name
    expected = _answers(conversion.reference or answer, conversion.rows, features.inputs)
    _check_rounding(_answers(answer, conversion.rows, features.original), expected, given.report)
    proto = with_single_output(conversion.proto, conversion.output, name, expected.shape[1:])
    return Source(
        description=replace(
            given.description,
            labels=given.description.labels or answer.classes,
            steps=features.plan(given.description.steps),
        ),
        eager=partial(_eager, conversion, name),
        samples=features.inputs,
        fingerprint=fingerprint(
            str(proto.opset_import),
            [("graph", "proto", (), proto.graph.SerializeToString(deterministic=True))],
        ),
        formats=(Format(name="onnx", write=partial(onnx_format.save, proto), load=onnx_format.load),),
        expected=given.expected,
        compares_all=True,
    )


def with_single_output(proto: onnx.ModelProto, old: str, new: str, shape: tuple[int, ...]) -> onnx.ModelProto:
    """Return an ONNX model without all outputs but one, and without the nodes that only the others need.

    Args:
        proto: the model.
        old: the name of the output that stays.
        new: the name that it gets.
        shape: of a sample's answer. An answer of shape [1] becomes a plain number, if this is ().

    """
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    graph = made.graph
    graph.doc_string = ""
    graph.name = "model"
    inner = f"{new}<inner>"
    # The new name may be that of another tensor.
    names = {new: f"{new}<other>", old: inner}
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(tensor, tensor) for tensor in tensors]
    graph.initializer.append(
        helper.make_tensor("<output shape>", TensorProto.INT64, [1 + len(shape)], [-1, *shape])
    )
    graph.node.append(helper.make_node("Reshape", [inner, "<output shape>"], [new]))
    del graph.output[:], graph.value_info[:]
    graph.output.append(helper.make_tensor_value_info(new, TensorProto.FLOAT, [None, *shape]))
    _remove_unused(graph)
    made.ir_version = max(made.ir_version, SMALLEST_IR)
    if not any(opset.domain == "" for opset in made.opset_import):
        made.opset_import.append(helper.make_opsetid("", OPSET))
    return made


def _remove_unused(graph: onnx.GraphProto) -> None:
    """Remove the nodes that no output needs. The nodes are in the order in which they are computed."""
    needed = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    weights = [weight for weight in graph.initializer if weight.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _eager(conversion: Conversion, name: str, inputs: Arrays) -> Arrays:
    return {name: (conversion.reference or conversion.answer)(conversion.rows(inputs))}


def _answers(answer: Answer, rows: Callable[[Arrays], Any], inputs: Arrays) -> NDArray[np.float32]:
    try:
        return answer(rows(inputs))
    except ExportError:
        raise
    except Exception as error:
        columns = ", ".join(f"{name} ({array.dtype})" for name, array in inputs.items())
        raise ExportError(
            f"the model fails on the rows of --example: {quoted(error)}. The example has {columns}; give "
            "rows like those of the training data"
        ) from error


def _check_rounding(original: NDArray[Any], served: NDArray[Any], report: Report) -> None:
    """Check that the answers stay the same, but for few rows, if numbers are float32 and missing texts ''."""
    bound = ALLOWED_DIFFERENCE * max(1.0, float(np.nanmax(np.abs(original), initial=0)))
    differences = np.abs(original - served).reshape(len(original), -1).max(axis=1)
    differing = np.flatnonzero(~(differences <= bound))
    if not len(differing):
        return
    row = int(differing[0])
    found = (
        "a service takes numbers as float32 and a missing text as '', and the model answers "
        f"{len(differing)} of {len(original)} rows of --example otherwise then: row {row} gives "
        f"{original[row]}, and {served[row]} as a service takes it"
    )
    advice = (
        "Train on values that float32 holds, as by frame.astype('float32'), and on texts without gaps, as "
        "by frame.fillna('')"
    )
    if len(differing) > ALLOWED_ROWS * len(original):
        raise ExportError(f"{found}. {advice}")
    report(f"{found}. These are numbers at the threshold of a tree. {advice}")
