"""Load the model that the command line names."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from model import image_file, samples, sources, tables, zoo
from model.errors import ExportError
from model.signature import Arrays
from model.source import Description, Report, Source
from model.sources.kind import Given
from model.steps import options as step_options

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
    description, examples = _description_and_examples(
        options, has_shapes=sources.INPUT_SHAPE not in kind.takes
    )
    given = Given(
        model=getattr(options, kind.option.name),
        description=description,
        examples=examples,
        expected=tuple(samples.read("--expected", file, "output") for file in options.expected or ()),
        is_noise=not (options.example or options.example_request),
        outputs=options.output_name,
        report=report,
        options={option.name: getattr(options, option.name) for option in kind.takes},
    )
    return sources.load(kind, given)


def _description_and_examples(
    options: argparse.Namespace, *, has_shapes: bool
) -> tuple[Description, tuple[Arrays, ...]]:
    """Return the meaning of the model's numbers, and its example inputs.

    Args:
        options: as for `source`.
        has_shapes: whether the model itself says which shapes it takes.

    """
    description = Description(
        name=options.name,
        labels=_labels(options.labels) if options.labels else None,
        activation=options.activation,
        batchable=not options.not_batchable,
        steps=step_options.plan(options),
    )
    if description.steps and (made := description.steps.samples()):
        return description, (made,)
    name = "input" if options.input_name is None else options.input_name
    files: list[Path] = options.example or []
    if options.image:
        image = image_file.read(options.image)
        description = replace(description, image=image)
        name = image.input
        if files and files[0].suffix.lower() not in ARRAY_SUFFIXES:
            photographs = [image_file.photograph(file, image) for file in files]
            batch = np.concatenate([array for _, array in photographs])
            return replace(description, photograph=photographs[0][0]), ({name: batch},)
        if not files and not has_shapes:
            return description, ({name: samples.noise(options.input_shape or image.shape[1:])},)
    if files and files[0].suffix in tables.SUFFIXES:
        return description, tuple(tables.read(file) for file in files)
    if files:
        return description, tuple(samples.read("--example", file, name) for file in files)
    return description, ({name: samples.noise(options.input_shape)},) if options.input_shape else ()


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
