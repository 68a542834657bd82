"""The options of `python -m model export` for the steps before and after the model."""

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from model.errors import ExportError, UsageError
from model.sources.kind import Option
from model.steps.description import (
    HOOKS_FILE,
    REQUIREMENTS_FILE,
    TOKENIZER_FILE,
    BoxesStep,
    HooksStep,
    MeanPoolingStep,
    StepDescriptions,
    ThresholdStep,
    TopKStep,
)
from model.steps.hooks import Hooks
from model.steps.plan import Plan
from model.steps.table import Table
from model.steps.tokenizer import TextTokenizer

BOXES_EXAMPLE = '{"boxes": "boxes", "scores": "scores", "overlap": 0.45, "minimum": 0.25}'


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of 1 or more")
    return int(text)


OPTIONS = (
    Option(
        flag="--hooks",
        metavar="FILE.py",
        help="your functions preprocess(request) and postprocess(tensors): they run in the server",
    ),
    Option(
        flag="--hooks-requirements",
        metavar="FILE",
        help="the packages that they need, as for pip; they are installed into the image",
    ),
    Option(
        flag="--example-request",
        metavar="FILE.json",
        help="a request as clients send it, for a step before the model; in place of --example",
    ),
    Option(
        flag="--tokenizer",
        metavar="DIR",
        help="a tokenizer.json, or the folder that save_pretrained has written: the service takes texts",
    ),
    Option(
        flag="--tokenizer-inputs",
        metavar="NAMES",
        type=_names,
        help="the inputs that it fills, with commas between, of input_ids, attention_mask, token_type_ids",
    ),
    Option(
        flag="--max-length",
        metavar="N",
        type=_positive,
        help="most tokens of a text (default: what the tokenizer says)",
    ),
    Option(flag="--table", metavar="FILE.json", help="the columns of a table: the service takes rows"),
    Option(
        flag="--mean-pooling",
        metavar="OUTPUT",
        type=str,
        help="the mean of this output over the tokens of a text is the answer, as an embedding",
    ),
    Option(flag="--normalize", action="store_true", help="give each embedding the length 1"),
    Option(
        flag="--top-k", metavar="K", type=_positive, help="how many labels a prediction lists (default: 5)"
    ),
    Option(
        flag="--threshold",
        metavar="SCORE",
        type=float,
        help="list all labels whose score is at least this, for classes that do not exclude each other",
    ),
    Option(flag="--sigmoid", action="store_true", help="with --threshold: the first output holds logits"),
    Option(
        flag="--boxes",
        metavar="FILE.json",
        help=f"non-maximum suppression of boxes, for example {BOXES_EXAMPLE}",
    ),
)
NAMES = tuple(option.name for option in OPTIONS)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    group = parser.add_argument_group("the steps before and after the model (docs/steps.md)")
    for option in OPTIONS:
        option.add(group)


def check(given: argparse.Namespace) -> None:
    """Check that the options go together.

    Raises:
        UsageError: an option is missing, or has no effect with the others.

    """
    needs = {
        "hooks_requirements": "hooks",
        "tokenizer_inputs": "tokenizer",
        "max_length": "tokenizer",
        "mean_pooling": "tokenizer",
        "normalize": "mean_pooling",
        "sigmoid": "threshold",
        "top_k": "labels",
        "threshold": "labels",
    }
    for name, needed in needs.items():
        if _is_given(given, name) and not _is_given(given, needed):
            raise UsageError(f"{_flag(name)} would have no effect without {_flag(needed)}")
    before = [name for name in ("tokenizer", "table", "image") if _is_given(given, name)]
    if len(before) > 1:
        raise UsageError(f"{' and '.join(map(_flag, before))}: give one of them, the step before the model")
    finish = [name for name in ("top_k", "threshold", "boxes") if _is_given(given, name)]
    if len(finish) > 1:
        raise UsageError(f"{' and '.join(map(_flag, finish))}: give one of them, the last step")
    if given.example_request and given.example:
        raise UsageError("--example would have no effect: --example-request gives the inputs. Leave it out")


def plan(given: argparse.Namespace) -> Plan | None:
    """Return the steps that a command line names; None if it names none.

    Raises:
        UsageError: an option is missing, or has no effect with the others.
        ExportError: a file cannot be read, or does not hold what it should.

    """
    if not any(_is_given(given, name) for name in NAMES):
        return None
    files: dict[str, bytes] = {}
    hooks = Hooks.load(given.hooks) if given.hooks else None
    if hooks is not None:
        files[HOOKS_FILE] = hooks.file.read_bytes()
    if given.hooks_requirements:
        files[REQUIREMENTS_FILE] = _read("--hooks-requirements", given.hooks_requirements)
    tokenizer = table = None
    if given.tokenizer:
        tokenizer = TextTokenizer.load(given.tokenizer, given.max_length, given.tokenizer_inputs)
        files[TOKENIZER_FILE] = tokenizer.content
    if given.table:
        table = Table.read(given.table)
    preprocess = hooks if hooks is not None and hooks.preprocess is not None else None
    before = tokenizer or table or preprocess
    if preprocess is not None and (before is not preprocess or given.image):
        raise UsageError("--hooks defines preprocess, which is a step before the model: give no other one")
    if before is not None and not given.example_request:
        raise UsageError("--example-request FILE.json is missing: a request as clients send it")
    if before is None and given.example_request:
        raise UsageError("--example-request would have no effect: no step reads it. Give --example instead")
    described = HooksStep() if before is preprocess and before is not None else None
    return Plan(
        description=StepDescriptions(
            before=described or (tokenizer.step if tokenizer else table.step if table else None),
            after=_after(given, hooks, tokenizer),
        ),
        files=files,
        before=before,
        request=_json("--example-request", given.example_request) if before is not None else None,
        hooks=hooks,
    )


def _after(
    given: argparse.Namespace, hooks: Hooks | None, tokenizer: TextTokenizer | None
) -> tuple[Any, ...]:
    steps: list[Any] = []
    if given.mean_pooling:
        if tokenizer is None or tokenizer.step.mask is None:
            raise UsageError("--mean-pooling needs attention_mask among the inputs of the tokenizer")
        steps.append(
            MeanPoolingStep(output=given.mean_pooling, mask=tokenizer.step.mask, normalize=given.normalize)
        )
    if given.top_k:
        steps.append(TopKStep(k=given.top_k))
    if given.threshold is not None:
        steps.append(ThresholdStep(minimum=given.threshold, activation="sigmoid" if given.sigmoid else None))
    if given.boxes:
        steps.append(_boxes(given.boxes))
    if hooks is not None and hooks.postprocess is not None:
        if any(not isinstance(step, MeanPoolingStep) for step in steps):
            raise UsageError("--hooks defines postprocess, which makes the answer: give no other last step")
        steps.append(HooksStep())
    return tuple(steps)


def _boxes(file: Path) -> BoxesStep:
    content = _json("--boxes", file)
    known = {field.name for field in fields(BoxesStep)} - {"kind"}
    if not isinstance(content, dict) or not cast(dict[str, Any], content).keys() <= known:
        raise ExportError(
            f"--boxes {file}: an object with keys of {', '.join(sorted(known))}. An example: {BOXES_EXAMPLE}"
        )
    try:
        return TypeAdapter(BoxesStep).validate_python(content)
    except ValidationError as error:
        problems = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise ExportError(f"--boxes {file}: {problems}. An example: {BOXES_EXAMPLE}") from None


def _json(flag: str, file: Path) -> object:
    try:
        return json.loads(_read(flag, file))
    except ValueError as error:
        raise ExportError(f"{flag} {file}: not JSON: {error}") from None


def _read(flag: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ExportError(f"{flag} {file}: {error.strerror}") from None


def _is_given(given: argparse.Namespace, name: str) -> bool:
    # Not by equality: a threshold may be 0.
    value = getattr(given, name)
    return value is not None and value is not False


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
