"""Load the model that the command line names."""

import argparse
from dataclasses import replace
from pathlib import Path

from model import image_file, samples, zoo
from model.errors import ExportError, UsageError
from model.signature import Arrays
from model.source import Description, Report, Source

ARRAY_SUFFIXES = (".npy", ".npz")


def source(options: argparse.Namespace, report: Report) -> Source:
    """Load the model that the command line names.

    Args:
        options: parsed and checked by `model.options`.
        report: is called with a line for each step.

    Raises:
        UsageError: an option is missing.
        ExportError: the model cannot be loaded.

    """
    if options.model:
        return zoo.load(options.model, report)
    description, inputs = _description_and_inputs(options)
    if options.saved_model:
        # Not at the top: TensorFlow is optional.
        from model.savedmodel_source import savedmodel_source

        report(f"loading {options.saved_model}")
        return savedmodel_source(options.saved_model, inputs, description, options.output_name)
    if inputs is None:
        raise UsageError("--input-shape 3,224,224 or --example FILE is missing: what the model takes")
    if not options.checkpoint:
        raise UsageError("--checkpoint FILE is missing: the weights")
    return _pytorch_source(options, description, inputs, report)


def _pytorch_source(
    options: argparse.Namespace, description: Description, inputs: Arrays, report: Report
) -> Source:
    try:
        # Not at the top: PyTorch is optional.
        from model import checkpoint, factory
        from model.torch_source import check_second, torch_source
    except ModuleNotFoundError as error:
        raise ExportError(f"--factory needs {error.name}: `make pytorch` adds it") from None

    report(f"loading {options.checkpoint} into {options.factory}")
    module = factory.make(options.factory)
    checkpoint.load(module, options.checkpoint)
    made = torch_source(module, inputs, description, options.output_name)
    second = factory.make(options.factory)
    checkpoint.load(second, options.checkpoint)
    check_second(made, second, options.output_name)
    if len(made.samples) > 1:
        report(f"inputs in the order of forward()'s parameters: {', '.join(made.samples)}")
    return made


def _description_and_inputs(options: argparse.Namespace) -> tuple[Description, Arrays | None]:
    description = Description(
        name=options.name,
        labels=_labels(options.labels) if options.labels else None,
        activation=options.activation,
        batchable=not options.not_batchable,
    )
    name = "input" if options.input_name is None else options.input_name
    if options.image:
        image = image_file.read(options.image)
        description = replace(description, image=image)
        name = image.input
        if options.example and options.example.suffix.lower() not in ARRAY_SUFFIXES:
            photograph, array = image_file.photograph(options.example, image)
            return replace(description, photograph=photograph), {name: array}
        if not options.example and not options.saved_model:
            return description, {name: samples.noise(options.input_shape or image.shape[1:])}
    if options.example:
        return description, samples.read(options.example, name)
    return description, {name: samples.noise(options.input_shape)} if options.input_shape else None


def _labels(file: Path) -> tuple[str, ...]:
    try:
        # Editors on Windows begin a UTF-8 file with a byte order mark.
        labels = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ExportError(f"--labels {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ExportError(f"--labels {file}: not UTF-8 text ({error}): save it as UTF-8") from None
    if empty := [str(number) for number, label in enumerate(labels, 1) if not label.strip()]:
        raise ExportError(
            f"--labels {file}: line {', '.join(empty)} is empty: give the name of one class on each line"
        )
    return tuple(labels)
