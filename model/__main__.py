"""`python -m model export`: a trained model to an artifact folder. `python -m model list`: what there is."""

import argparse
import json
import math
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model import artifact, image_file, samples, zoo
from model.errors import ExportError, UsageError, quoted
from model.export import export
from model.parity import Tolerance
from model.signature import FILE, Arrays
from model.source import Description, Say, Source

OUTPUT = Path("build/model")
ARRAYS = (".npy", ".npz")
MEGABYTE = 1_000_000
UNEXPECTED = (
    "the export failed in a way that is not known: {}. No artifact is written. --debug shows the traceback; "
    "if it ends outside your own code, report it"
)


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m model", description=__doc__)
    commands = top.add_subparsers(required=True)
    one = commands.add_parser("export", help="write a model down in the formats that a server runs")
    one.set_defaults(command=_export, parser=one)
    add = one.add_argument
    add("model", nargs="?", choices=zoo.MODELS, help="a model to start from")
    add("--factory", metavar="PACKAGE.MODULE:FUNCTION", help="returns your torch.nn.Module")
    add("--checkpoint", type=Path, metavar="FILE", help="its weights: a saved state_dict")
    add("--saved-model", type=Path, metavar="DIR", help="a TensorFlow SavedModel instead")
    add("--name", help="what your model is called: small letters, digits and hyphens")
    add("--input-shape", metavar="3,224,224", type=_shape, help="of one float32 sample, without the batch")
    add(
        "--example",
        type=Path,
        metavar="FILE",
        help="real inputs, batch first: .npy; .npz with the names of forward()'s parameters; or a photograph",
    )
    add("--input-name", metavar="NAME", help="of the input, where an .npz file does not tell (input)")
    add("--output-name", metavar="NAME", action="append", help="of the outputs, in their order; repeatable")
    add("--labels", type=Path, metavar="FILE", help="names of the classes of the first output, one a line")
    add("--activation", choices=["softmax"], help="what turns the first output into scores")
    add(
        "--image",
        type=Path,
        metavar="FILE",
        help=f"how a photograph becomes the input: JSON, as {image_file.EXAMPLE}",
    )
    add(
        "--not-batchable",
        action="store_true",
        help="the answer to a sample depends on the others of its request: requests are never joined",
    )
    add("--format", action="append", default=[], help="onnx, torchscript or savedmodel; repeatable")
    add("--rtol", type=_bound, default=Tolerance.rtol, help="relative part of the tolerance (%(default)s)")
    add("--atol", type=_bound, default=Tolerance.atol, help="absolute part of the tolerance (%(default)s)")
    add("--output", type=Path, default=OUTPUT, help="where artifacts go (%(default)s)")
    add("--debug", action="store_true", help="show the traceback of an error")
    listing = commands.add_parser("list", help="show the artifacts there are")
    listing.set_defaults(command=_list, parser=listing)
    listing.add_argument("--output", type=Path, default=OUTPUT, help="where artifacts are (%(default)s)")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit status: 1 where the model cannot be exported, 2 where the options do not go together.

    """
    options = parser().parse_args(arguments)
    try:
        options.command(options)
    except UsageError as error:
        options.parser.error(str(error))
    except Exception as error:  # noqa: BLE001 - a person is owed a message, whatever went wrong
        if getattr(options, "debug", False):
            traceback.print_exc()
        known = isinstance(error, ExportError)
        sys.stderr.write(f"error: {error if known else UNEXPECTED.format(quoted(error))}\n")
        return 1
    return 0


def _export(options: argparse.Namespace) -> None:
    start = time.monotonic()

    def say(line: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - start:5.1f} s] {line}\n")
        sys.stdout.flush()

    tolerance = Tolerance(rtol=options.rtol, atol=options.atol)
    done = export(source(options, say), options.format, options.output, say, tolerance)
    for name, differences in done.parity.items():
        difference = max(each.max_abs_diff for each in differences)
        share = max(each.worst_ratio for each in differences)
        say(
            f"{name} answers as the model does: worst difference {difference:.2g}, "
            f"{share:.1%} of what is tolerated"
        )
    say(f"version {done.signature.version} is in {done.path} ({artifact.size(done.path) / MEGABYTE:.1f} MB)")


def _list(options: argparse.Namespace) -> None:
    for path in artifact.artifacts(options.output):
        signature = json.loads((path / FILE).read_text())
        size = artifact.size(path) / MEGABYTE
        formats = ", ".join(signature["formats"])
        sys.stdout.write(f"{signature['name']}  {signature['version']}  {formats}  {size:.1f} MB\n")


def source(options: argparse.Namespace, say: Say) -> Source:
    """Return what the options name.

    Raises:
        UsageError: they name nothing, or two things.
        ExportError: what they name cannot be loaded.

    """
    named = [option for option in ("model", "factory", "saved_model") if getattr(options, option)]
    if len(named) != 1:
        raise UsageError(
            f"give one of {', '.join(zoo.MODELS)}, --factory with --checkpoint, or --saved-model"
        )
    if options.model:
        return zoo.load(options.model, say)
    if not options.name:
        raise UsageError("--name says what your model is called")
    description, inputs = _described(options)
    if options.saved_model:
        from model.savedmodel_source import savedmodel_source

        say(f"loading {options.saved_model}")
        return savedmodel_source(options.saved_model, inputs, description, options.output_name)
    if inputs is None:
        raise UsageError("--input-shape 3,224,224 or --example FILE says what the model takes")
    if not options.checkpoint:
        raise UsageError("--checkpoint FILE gives the weights")
    try:
        from model import checkpoint, factory
        from model.torch_source import torch_source
    except ModuleNotFoundError as error:
        raise ExportError(f"--factory needs {error.name}: `make pytorch` adds it") from None

    say(f"loading {options.checkpoint} into {options.factory}")
    module = factory.make(options.factory)
    checkpoint.load(module, options.checkpoint)
    made = torch_source(module, inputs, description, options.output_name)
    if len(made.samples) > 1:
        say(f"inputs in the order of forward()'s parameters: {', '.join(made.samples)}")
    return made


def _described(options: argparse.Namespace) -> tuple[Description, Arrays | None]:
    description = Description(
        name=options.name,
        labels=tuple(_read(options.labels).splitlines()) if options.labels else None,
        activation=options.activation,
        batchable=not options.not_batchable,
    )
    name = options.input_name or "input"
    if options.image:
        image = image_file.read(options.image)
        description = replace(description, image=image)
        name = image.input
        if options.example and options.example.suffix not in ARRAYS:
            photograph, array = image_file.photograph(options.example, image)
            return replace(description, photograph=photograph), {name: array}
        if not options.example and not options.saved_model:
            return description, {name: samples.noise(options.input_shape or image.shape[1:])}
    if options.example:
        return description, samples.read(options.example, name)
    return description, {name: samples.noise(options.input_shape)} if options.input_shape else None


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{file}: {error}") from None


def _shape(text: str) -> tuple[int, ...]:
    axes = text.split(",")
    if not all(axis.isdecimal() and int(axis) for axis in axes):
        raise argparse.ArgumentTypeError(f"{text!r}: give sizes above 0 with commas between, as 3,224,224")
    return tuple(int(axis) for axis in axes)


def _bound(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number of 0 or more, as 1e-4")
    return number


if __name__ == "__main__":
    sys.exit(main())
