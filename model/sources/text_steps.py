"""The steps around a model of Transformers: its folder's tokenizer before it, and pooling after it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from model.errors import ExportError
from model.steps.description import TOKENIZER_FILE, MeanPoolingStep, StepDescriptions
from model.steps.plan import Plan
from model.steps.tokenizer import TextTokenizer

MODULES_FILE = "modules.json"
"""Written by the library sentence-transformers: the modules that a text goes through."""

LENGTH_FILE = "sentence_bert_config.json"
"""Written by the same library: `max_seq_length`, the most tokens of a text, special tokens included."""


def plan(
    folder: Path, steps: Plan | None, *, text: str, inputs: Sequence[str], hidden_state: str | None
) -> Plan | None:
    """Return the steps of a service that takes texts.

    Args:
        folder: of the model. Without a `tokenizer.json` in it nothing is added.
        steps: those of the command line. If they have a step before the model, they are used alone.
        text: the example.
        inputs: those of the model, which the tokenizer fills.
        hidden_state: the output that holds a vector for each token; None if the model has none.

    Raises:
        ExportError: a file of the folder cannot be read, or asks for a pooling that is not supported.

    """
    if not (folder / TOKENIZER_FILE).exists() or (steps is not None and steps.before is not None):
        return steps
    tokenizer = TextTokenizer.load(folder, _length(folder), inputs)
    steps = steps or Plan(description=StepDescriptions())
    pooling = _pooling(folder, hidden_state, tokenizer.step.mask) if hidden_state else ()
    return replace(
        steps,
        description=replace(
            steps.description, before=tokenizer.step, after=(*pooling, *steps.description.after)
        ),
        files={**steps.files, TOKENIZER_FILE: tokenizer.content},
        before=tokenizer,
        request={"text": text},
    )


def _pooling(folder: Path, hidden_state: str, mask: str | None) -> tuple[MeanPoolingStep, ...]:
    """Return the pooling that a folder of sentence-transformers asks for; nothing for another folder."""
    if not (folder / MODULES_FILE).exists() or mask is None:
        return ()
    modules = cast(list[dict[str, Any]], _json(folder / MODULES_FILE))
    kinds = {str(module["type"]).rpartition(".")[2]: str(module["path"]) for module in modules}
    if unknown := set(kinds) - {"Transformer", "Pooling", "Normalize"}:
        raise ExportError(
            f"--huggingface {folder}: {', '.join(sorted(unknown))} in {MODULES_FILE} is not supported: "
            "Pooling and Normalize are. Export the folder without that file, and do the rest in the client"
        )
    config = cast(dict[str, Any], _json(folder / kinds["Pooling"] / "config.json"))
    modes = {key for key, value in config.items() if key.startswith("pooling_mode") and value}
    if modes != {"pooling_mode_mean_tokens"} and config.get("pooling_mode") != "mean":
        raise ExportError(
            f"--huggingface {folder}: {', '.join(sorted(modes)) or 'its pooling'} is not supported: the "
            f"mean of the tokens is. Remove {MODULES_FILE}: the service then answers a vector for each token"
        )
    return (MeanPoolingStep(output=hidden_state, mask=mask, normalize="Normalize" in kinds),)


def _length(folder: Path) -> int | None:
    """Return the most tokens of a text for sentence-transformers; None where the folder does not say it."""
    file = folder / LENGTH_FILE
    return cast(dict[str, Any], _json(file)).get("max_seq_length") if file.exists() else None


def _json(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"--huggingface: {file} cannot be read: {error}") from None
