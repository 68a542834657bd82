"""Export a trained model from a notebook or a program: the live object, in one call."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from model import tables
from model.errors import ExportError
from model.export import export as export_source
from model.options import OUTPUT
from model.parity import Tolerance
from model.signature import Arrays
from model.source import Description, Source
from model.sources.estimators import estimator_source
from model.sources.kind import Given

INPUT = "input"
"""Name of the input, where the examples are a single array without a name."""


def export(
    model: Any,  # noqa: ANN401 - of any library
    examples: Any = None,  # noqa: ANN401 - as above
    *,
    name: str,
    labels: Sequence[str] | None = None,
    activation: str | None = None,
    outputs: Sequence[str] | None = None,
    tokenizer: Any = None,  # noqa: ANN401 - as above
    open_axes: Sequence[tuple[str, int]] = (),
    batch_axis: bool = True,
    batchable: bool = True,
    formats: Sequence[str] = (),
    folder: Path | str = OUTPUT,
    rtol: float = Tolerance.rtol,
    atol: float = Tolerance.atol,
    keep_examples: bool = True,
    quiet: bool = False,
) -> Path:
    """Export a model, compare the export with it, and return the artifact's folder.

    Args:
        model: a `torch.nn.Module`, an estimator or pipeline of scikit-learn, an estimator or booster of
            XGBoost, LightGBM or CatBoost, a model of Keras, or a model of Transformers.
        examples: real inputs, the batch first: an array, a mapping of names to arrays, or a data frame. For a
            PyTorch model also a list of these with different lengths, which opens the axes that differ.
        name: the model's name: small letters, digits and hyphens.
        labels: the names of the classes of the first output; by default those that the model knows.
        activation: "softmax" if the first output holds logits.
        outputs: names of the outputs, in their order.
        tokenizer: that of a model of Transformers; it makes the examples where none are given.
        open_axes: inputs and axes that may have any length, as `("input_ids", 1)`.
        batch_axis: whether the first axis of each tensor is the batch.
        batchable: whether the answer to a sample is independent of the others of its batch.
        formats: "onnx", "torchscript" or "savedmodel"; by default those that need no extra library.
        folder: of all artifacts.
        rtol: relative tolerance of the comparison.
        atol: absolute tolerance of the comparison.
        keep_examples: whether examples and answers are kept beside the artifact.
        quiet: whether no line is printed about the steps.

    Returns:
        The folder of the artifact.

    Raises:
        ExportError: the model cannot be exported; the message gives the reason and the next step.

    """

    def report(line: str) -> None:
        if not quiet:
            print(line)  # noqa: T201 - a notebook shows what is printed

    description = Description(
        name=name,
        labels=None if labels is None else tuple(labels),
        activation=cast(Any, activation),
        batchable=batchable,
    )
    given = Given(
        model=model,
        description=description,
        examples=_groups(examples),
        outputs=outputs,
        report=report,
        options={"open_axis": open_axes, "no_batch_axis": not batch_axis},
    )
    with tempfile.TemporaryDirectory() as scratch:
        source = _source(model, given, tokenizer, Path(scratch))
        made = export_source(
            source,
            formats,
            Path(folder),
            report,
            Tolerance(rtol=rtol, atol=atol),
            keep_examples=keep_examples,
        )
    report(f"version {made.signature.version} is in {made.path}")
    return made.path


def _source(model: Any, given: Given, tokenizer: Any, scratch: Path) -> Source:  # noqa: ANN401 - as above
    """Make a source of a model by the library that its class is of, or is derived from."""
    libraries = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    if "keras" in libraries or "tensorflow" in libraries:
        from model.sources.keras import keras_source

        return keras_source(model, given)
    if "transformers" in libraries:
        return _transformers(model, given, tokenizer, scratch)
    if "torch" in libraries:
        from model.sources.pytorch import with_examples

        if not given.examples:
            raise ExportError("examples are missing: give real inputs of the model, the batch first")
        return with_examples(model, given)
    return estimator_source(model, given)


def _transformers(model: Any, given: Given, tokenizer: Any, scratch: Path) -> Source:  # noqa: ANN401 - as above
    from model.sources.huggingface import huggingface_source, with_steps

    if tokenizer is not None:
        tokenizer.save_pretrained(scratch)
        inputs = tuple(given.examples[0]) if given.examples else tokenizer.model_input_names
        description = with_steps(scratch, model.config, given.description, inputs)
        given = replace(given, description=description)
    return huggingface_source(model, given, tokenizer)


def _groups(examples: Any) -> tuple[Arrays, ...]:  # noqa: ANN401 - as above
    """Return the inputs by name, for each group of samples of the same lengths."""
    if examples is None:
        return ()
    return tuple(map(_arrays, cast(Sequence[Any], examples) if isinstance(examples, list) else (examples,)))


def _arrays(example: Any) -> Arrays:  # noqa: ANN401 - as above
    if hasattr(example, "to_numpy") and hasattr(example, "columns"):
        return tables.of_frame(example)
    if isinstance(example, Mapping) or hasattr(example, "keys"):
        return {str(name): _array(example[name]) for name in example}
    return {INPUT: _array(example)}


def _array(value: Any) -> np.ndarray[Any, Any]:  # noqa: ANN401 - as above
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    array = np.asarray(value)
    if array.dtype == np.object_ and not array.size:
        raise ExportError("examples: give arrays of numbers or of strings")
    return array
