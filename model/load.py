"""Load the model that the command line names."""

import argparse
from dataclasses import replace
from pathlib import Path

from model import image_file, samples, sources, tables, zoo
from model.errors import ExportError
from model.signature import Arrays
from model.source import Description, Report, Source
from model.sources.kind import Given

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
    kind = sources.chosen(options)
    if kind is None:
        return zoo.load(options.model, report)
    description, inputs = _description_and_inputs(options, has_shapes=sources.INPUT_SHAPE not in kind.takes)
    given = Given(
        model=getattr(options, kind.option.name),
        description=description,
        samples=inputs,
        outputs=options.output_name,
        report=report,
        options={option.name: getattr(options, option.name) for option in kind.takes},
    )
    return sources.load(kind, given)


def _description_and_inputs(
    options: argparse.Namespace, *, has_shapes: bool
) -> tuple[Description, Arrays | None]:
    """Return the meaning of the model's numbers, and its sample inputs.

    Args:
        options: as for `source`.
        has_shapes: whether the model itself says which shapes it takes.

    """
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
        if not options.example and not has_shapes:
            return description, {name: samples.noise(options.input_shape or image.shape[1:])}
    if options.example and options.example.suffix in tables.SUFFIXES:
        return description, tables.read(options.example)
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
