"""The command line of `python -m model`: its options, and which of them go together."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from model import image_file, sources, tables, zoo
from model.errors import UsageError
from model.parity import Tolerance
from model.steps import options as step_options

OUTPUT = Path("build/model")

EXAMPLES = """
examples:
  a ready-made model:
    python -m model export digits

  your own PyTorch model, made by network() in flowers.py and trained to flowers.pt:
    python -m model export --name flowers --factory flowers:network --checkpoint flowers.pt \\
      --example flowers.npy --labels flowers.txt --activation softmax

  a TensorFlow SavedModel:
    python -m model export --name flowers --saved-model flowers/ --example flowers.npy
"""

OWN_MODEL = (
    "name",
    "example",
    "expected",
    *(option.name for option in sources.options()),
    "output_name",
    "labels",
    "activation",
    "image",
    "not_batchable",
    *step_options.NAMES,
)
"""Options that a ready-made model decides by itself."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="python -m model", description="Export a trained model to an artifact, or list the artifacts."
    )
    commands = top.add_subparsers(required=True, dest="command")
    export = commands.add_parser(
        "export",
        help="export a trained model",
        description="Export a trained model to the formats that the server runs. Each export is compared\n"
        "with the model; an export that answers differently is not kept.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_source_options(export)
    _add_meaning_options(export)
    step_options.add(export)
    _add_export_options(export)
    listing = commands.add_parser("list", help="list the artifacts", description="List the artifacts.")
    listing.add_argument(
        "--output", type=Path, default=OUTPUT, help="the folder of all artifacts (%(default)s)"
    )
    # To report an error with the usage of its own command.
    export.set_defaults(parser=export)
    listing.set_defaults(parser=listing)
    return top


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the model")
    add = group.add_argument
    add("model", nargs="?", choices=zoo.MODELS, help="a ready-made model")
    for kind in sources.KINDS:
        kind.option.add(group)
    add("--name", help="the model's name: small letters, digits and hyphens")
    add(
        "--example",
        type=Path,
        action="append",
        metavar="FILE",
        help="real inputs, the batch first: .npy; .npz with the names of the inputs; a photograph, with "
        "--image; or a table, .csv or .parquet. Repeat it with files of other lengths to open the axes in "
        "which they differ",
    )
    add(
        "--expected",
        type=Path,
        action="append",
        metavar="FILE",
        help="what the framework itself answered to --example: .npz with the names of the outputs; once for "
        "each --example",
    )
    for option in sources.options():
        option.add(group)
    add(
        "--output-name",
        metavar="NAME",
        action="append",
        help="the outputs' names, in their order: once for each output (default: output, output_1, ...)",
    )


def _add_meaning_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("the meaning of its numbers").add_argument
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help="names of the classes of the first output, one on each line",
    )
    add(
        "--activation",
        choices=["softmax"],
        help="turns the first output into scores, if it holds logits",
    )
    add(
        "--image",
        type=Path,
        metavar="FILE",
        help=f"how a photograph becomes the input: JSON, for example {image_file.EXAMPLE}",
    )
    add(
        "--not-batchable",
        action="store_true",
        help="the answer to a sample depends on the other samples of its request, so the server never joins "
        "two requests in one batch",
    )


def _add_export_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("the export").add_argument
    add(
        "--format",
        action="append",
        default=[],
        help="onnx, torchscript or savedmodel; can be repeated (default: those that need no extra library)",
    )
    add("--rtol", type=_tolerance, default=Tolerance.rtol, help="relative tolerance (%(default)s)")
    add("--atol", type=_tolerance, default=Tolerance.atol, help="absolute tolerance (%(default)s)")
    add("--output", type=Path, default=OUTPUT, help="the folder of all artifacts (%(default)s)")
    add(
        "--no-examples",
        action="store_true",
        help="do not keep the rows of --example with their answers in the artifact's folder (examples.npz)",
    )
    add("--debug", action="store_true", help="show the traceback of an error")


def check(options: argparse.Namespace) -> None:
    """Check that the options of `export` go together, so that none of them is ignored.

    Raises:
        UsageError: no model is named, or several; an option is missing, or has no effect with the others.

    """
    kind = sources.chosen(options)
    if bool(options.model) == bool(kind):
        flags = " or ".join(kind.option.flag for kind in sources.KINDS)
        raise UsageError(f"give one of {', '.join(zoo.MODELS)}, or one of {flags}")
    if kind is None:
        _refuse(options, OWN_MODEL, f"the ready-made model {options.model} decides this itself")
        return
    if not options.name:
        raise UsageError("--name NAME is missing: the model's name")
    for option in kind.requires:
        if not getattr(options, option.name):
            flag = " ".join(filter(None, (option.flag, option.metavar)))
            raise UsageError(f"{flag} is missing: {option.help}")
    others = [option.name for option in sources.options() if option not in kind.takes]
    _refuse(options, others, kind.why_not)
    if options.expected and len(options.expected) != len(options.example or ()):
        raise UsageError("--expected: give it once for each --example, in the same order")
    if options.example:
        _refuse(options, ("input_shape",), "--example has a shape")
        if all(file.suffix == ".npz" for file in options.example):
            _refuse(options, ("input_name",), "the arrays in --example have names")
        if not kind.reads_tables and any(file.suffix in tables.SUFFIXES for file in options.example):
            flags = ", ".join(kind.option.flag for kind in sources.KINDS if kind.reads_tables)
            raise UsageError(f"--example: a table is an example for {flags}; give .npy or .npz")
    if options.image:
        _refuse(options, ("input_name",), "--image names the input")
    step_options.check(options)
    names: Sequence[str] = options.output_name or []
    if len(set(names)) != len(names):
        raise UsageError(f"--output-name {', '.join(names)}: give each output a name of its own")


def _refuse(options: argparse.Namespace, names: Sequence[str], reason: str) -> None:
    if given := [name for name in names if getattr(options, name) not in (None, False)]:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{flags} would have no effect: {reason}. Leave it out")


def _tolerance(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number of 0 or more, as 1e-4")
    return number
