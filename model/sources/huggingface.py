"""Load a model of Transformers from its folder: https://huggingface.co/docs/transformers/main_classes/model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from transformers.utils import logging

from model.errors import ExportError, quoted
from model.signature import Arrays
from model.source import Description, Source
from model.sources import text_steps
from model.sources.kind import Given
from model.sources.pytorch import torch_source

TEXTS = (
    "The train to the coast leaves at nine.",
    "I did not like this film at all.",
    "What a wonderful surprise!",
    "She bought two tickets and a map of the old town.",
)
"""Used where the command line gives no example."""

REPEATS = (1, 6)
"""How often a text is repeated, for samples of several lengths."""

LONGEST = 256
"""Most tokens of a sample. Parts of some models have two positions less than their configuration says."""

ROWS = 12
"""Samples of each length: more than the largest batch that is compared."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a model answers to texts."""

    loader: Any
    """The class of Transformers that loads it."""

    output: str
    """The entry of its answer that is served, which is also the name of the output."""


TASKS: Mapping[str, Task] = {
    "ForSequenceClassification": Task(loader=AutoModelForSequenceClassification, output="logits"),
    "ForTokenClassification": Task(loader=AutoModelForTokenClassification, output="logits"),
    "Model": Task(loader=AutoModel, output="last_hidden_state"),
}
"""By the end of the name of a model's class."""


def load(given: Given) -> Source:
    """Load a model for text classification, token classification or embeddings.

    Raises:
        ExportError: the folder cannot be loaded, or the model is of another kind.

    """
    folder = cast(Path, given.model)
    given.report(f"loading {folder}")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        task = _task(folder, config)
        module = task.loader.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
        )
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(
            f"--huggingface {folder}: Transformers cannot load it: {quoted(error)}. Give the folder that "
            "model.save_pretrained(DIR) has written, with config.json and model.safetensors; code of a model "
            "(trust_remote_code) is never run"
        ) from error
    tokenizer = None if given.examples else _tokenizer(folder)
    inputs = tokenizer.model_input_names if tokenizer else tuple(given.examples[0])
    given = replace(given, description=with_steps(folder, config, given.description, inputs))
    return huggingface_source(module, given, tokenizer)


def huggingface_source(module: Any, given: Given, tokenizer: Any = None) -> Source:  # noqa: ANN401 - untyped
    """Make a source of a model of Transformers, with open axes for batch and tokens.

    Args:
        module: a PyTorch model of Transformers.
        given: what the command line says.
        tokenizer: makes the samples where there is no example.

    Raises:
        ExportError: the model is of another kind, or there are neither an example nor a tokenizer.

    """
    task = _task(Path(module.name_or_path), module.config)
    if not given.examples and tokenizer is None:
        raise ExportError(
            "--example FILE.npz is missing: the tokens of some texts, as the tokenizer makes them"
        )
    groups = given.examples or _tokens(tokenizer, module)
    source = torch_source(
        _Served(module, task.output),
        groups[0],
        _described(module.config, task, given),
        [task.output],
        open_axes=dict.fromkeys(groups[0], (1,)),
    )
    return replace(source, others=groups[1:], expected=given.expected)


def with_steps(
    folder: Path,
    config: Any,  # noqa: ANN401 - as above
    description: Description,
    inputs: Sequence[str],
) -> Description:
    """Return a description with the steps for texts, where a folder holds a tokenizer.

    Args:
        folder: of the tokenizer, and of what sentence-transformers has written.
        config: that of the model.
        description: what the command line says.
        inputs: the names of the model's inputs.

    Raises:
        ExportError: a file of the folder cannot be read, or asks for a pooling that is not supported.

    """
    task = _task(folder, config)
    hidden_state = task.output if task.loader is AutoModel else None
    steps = text_steps.plan(
        folder, description.steps, text=TEXTS[0], inputs=inputs, hidden_state=hidden_state
    )
    return replace(description, steps=steps)


class _Served(nn.Module):
    """Takes tokens by name, and gives one entry of a model's answer."""

    def __init__(self, module: nn.Module, output: str) -> None:
        super().__init__()
        self.module = module
        self.output = output

    def forward(self, **tokens: torch.Tensor) -> torch.Tensor:
        return getattr(self.module(**tokens), self.output)


def _task(folder: Path, config: Any) -> Task:  # noqa: ANN401 - as above
    names = cast("Sequence[str]", getattr(config, "architectures", None) or ())
    for name in names:
        for end, task in TASKS.items():
            if name.endswith(end) and not getattr(config, "is_encoder_decoder", False):
                return task
    raise ExportError(
        f"--huggingface {folder}: {', '.join(names) or 'a model without architectures'} is not supported: "
        f"models for text classification, token classification and embeddings are ({', '.join(TASKS)}). For "
        "text generation use a server for language models, such as vLLM"
    )


def _tokenizer(folder: Path) -> Any:  # noqa: ANN401 - as above
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ExportError(
            f"--huggingface {folder}: has no tokenizer that Transformers can load ({quoted(error)}). Add it "
            "by tokenizer.save_pretrained(DIR), or give --example FILE.npz with the tokens of some texts"
        ) from error


def _tokens(tokenizer: Any, module: nn.Module) -> tuple[Arrays, ...]:  # noqa: ANN401 - as above
    """Return the tokens of texts, padded, in groups of different lengths."""
    positions = int(getattr(cast(Any, module).config, "max_position_embeddings", LONGEST + 2)) - 2
    longest = min(positions, tokenizer.model_max_length, LONGEST)
    groups: list[Arrays] = []
    for repeats, length in zip(REPEATS, (longest // 2, longest), strict=True):
        texts = [
            " ".join([TEXTS[number % len(TEXTS)]] * (1 + number % 3) * repeats) for number in range(ROWS)
        ]
        tokens = tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=length,
            return_tensors="np",
        )
        groups.append({name: np.asarray(array, dtype=np.int64) for name, array in tokens.items()})
    return tuple(groups)


def _described(config: Any, task: Task, given: Given) -> Description:  # noqa: ANN401 - as above
    """Return the description with the labels of a model that gives a score for each of several classes."""
    description = given.description
    labels = tuple(str(config.id2label[number]) for number in range(config.num_labels))
    if task is TASKS["ForTokenClassification"]:
        given.report(f"the last axis of {task.output} holds a score for each of {', '.join(labels)}")
        return description
    if task is not TASKS["ForSequenceClassification"] or description.labels or len(labels) < 2:
        return description
    if config.problem_type == "multi_label_classification":
        given.report("the labels do not exclude each other: --threshold with --sigmoid lists those above it")
        return replace(description, labels=labels)
    return replace(description, labels=labels, activation="softmax")
