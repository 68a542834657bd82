"""The command line of `python -m model`: its options, and which of them go together."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from model import image_file, zoo
from model.errors import UsageError
from model.parity import Tolerance

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
    "checkpoint",
    "input_shape",
    "example",
    "input_name",
    "output_name",
    "labels",
    "activation",
    "image",
    "not_batchable",
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
    add = parser.add_argument_group("the model").add_argument
    add("model", nargs="?", choices=zoo.MODELS, help="a ready-made model")
    add(
        "--factory",
        metavar="PACKAGE.MODULE:FUNCTION",
        help="your function that returns a torch.nn.Module; it is called without arguments",
    )
    add("--checkpoint", type=Path, metavar="FILE", help="the module's weights: a saved state_dict")
    add(
        "--saved-model", type=Path, metavar="DIR", help="a TensorFlow SavedModel, in place of a PyTorch model"
    )
    add("--name", help="the model's name: small letters, digits and hyphens")
    add(
        "--example",
        type=Path,
        metavar="FILE",
        help="real inputs, the batch first: .npy; .npz with the names of forward()'s parameters; or a "
        "photograph, with --image",
    )
    add(
        "--input-shape",
        metavar="3,224,224",
        type=_shape,
        help="shape of one float32 sample without the batch, in place of --example; random samples are used",
    )
    add("--input-name", metavar="NAME", help="the input's name, if --example is .npy (default: input)")
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
    add("--debug", action="store_true", help="show the traceback of an error")


def check(options: argparse.Namespace) -> None:
    """Check that the options of `export` go together, so that none of them is ignored.

    Raises:
        UsageError: no model is named, or several; an option is missing, or has no effect with the others.

    """
    sources = [name for name in ("model", "factory", "saved_model") if getattr(options, name)]
    if len(sources) != 1:
        raise UsageError(
            f"give one of {', '.join(zoo.MODELS)}, --factory with --checkpoint, or --saved-model"
        )
    if options.model:
        _refuse(options, OWN_MODEL, f"the ready-made model {options.model} decides this itself")
        return
    if not options.name:
        raise UsageError("--name NAME is missing: the model's name")
    if options.saved_model:
        _refuse(options, ("checkpoint", "input_name"), "a SavedModel has it")
    if options.example:
        _refuse(options, ("input_shape",), "--example has a shape")
        if options.example.suffix == ".npz":
            _refuse(options, ("input_name",), "the arrays in --example have names")
    if options.image:
        _refuse(options, ("input_name",), "--image names the input")
    names: Sequence[str] = options.output_name or []
    if len(set(names)) != len(names):
        raise UsageError(f"--output-name {', '.join(names)}: give each output a name of its own")


def _refuse(options: argparse.Namespace, names: Sequence[str], reason: str) -> None:
    if given := [name for name in names if getattr(options, name) not in (None, False)]:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{flags} would have no effect: {reason}. Leave it out")


def _shape(text: str) -> tuple[int, ...]:
    axes = text.split(",")
    if not all(axis.isdecimal() and int(axis) for axis in axes):
        raise argparse.ArgumentTypeError(f"{text!r}: give sizes above 0 with commas between, as 3,224,224")
    return tuple(int(axis) for axis in axes)


def _tolerance(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number of 0 or more, as 1e-4")
    return number
