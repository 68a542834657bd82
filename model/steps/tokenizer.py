"""Texts to tokens, by the file of `--tokenizer`, as the library `tokenizers` itself does it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from model.errors import ExportError, UsageError
from model.signature import Arrays
from model.steps.description import TOKENIZER_FILE, TokenizerStep

LIBRARY = ".venv/bin/pip install tokenizers==0.23.3"
"""The command that adds the library."""

KINDS = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
"""What an input takes, by the names of the library `transformers`."""

DEFAULT_INPUTS = ("input_ids", "attention_mask")

LONGEST = 100_000
"""A larger model_max_length of `transformers` means that there is none."""

TEXT, PAIR = "text", "text_pair"


@dataclass(frozen=True, kw_only=True)
class TextTokenizer:
    """A tokenizer that pads and cuts off texts to one length."""

    step: TokenizerStep
    content: bytes
    """The `tokenizer.json`."""

    tokenizer: Any

    @classmethod
    def load(cls, path: Path, length: int | None, inputs: Sequence[str] | None) -> Self:
        """Read a tokenizer.

        Args:
            path: a `tokenizer.json`, or the folder that `save_pretrained` has written.
            length: most tokens of a text; None takes it from the files.
            inputs: names of the inputs, of `KINDS`; None takes them from the files.

        Raises:
            ExportError: the library is missing, or a file cannot be read.
            UsageError: the files say no length.

        """
        file = path / TOKENIZER_FILE if path.is_dir() else path
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ExportError(
                f"--tokenizer {file}: {error.strerror}. Give a tokenizer.json, or the folder that "
                "save_pretrained() of a fast tokenizer has written"
            ) from None
        try:
            library = cast(Any, import_module("tokenizers"))
        except ModuleNotFoundError:
            raise ExportError(f"--tokenizer needs tokenizers: `{LIBRARY}` adds it") from None
        try:
            tokenizer = library.Tokenizer.from_buffer(content)
        except Exception as error:
            raise ExportError(f"--tokenizer {file}: no file of the library tokenizers: {error}") from error
        config = _config(file.with_name("tokenizer_config.json"))
        step = _step(tokenizer, config, length, inputs)
        tokenizer.enable_truncation(
            step.length, direction=(tokenizer.truncation or {}).get("direction", "right")
        )
        tokenizer.enable_padding(
            direction=step.pad_side, pad_id=step.pad_id, pad_type_id=step.pad_type, length=step.length
        )
        return cls(step=step, content=content, tokenizer=tokenizer)

    def tensors(self, request: object) -> Arrays:
        """Return the tokens of the example request, `{"text": …}`, padded to the length of the step.

        Raises:
            ExportError: the request holds something else.

        """
        given = cast(dict[str, Any], request) if isinstance(request, dict) else {}
        texts, pairs = given.get(TEXT), given.get(PAIR)
        texts = [texts] if isinstance(texts, str) else texts
        pairs = [pairs] if isinstance(pairs, str) else pairs
        if not isinstance(texts, list) or not texts or not given.keys() <= {TEXT, PAIR}:
            raise ExportError(
                f'--example-request: a tokenizer takes {{"{TEXT}": "…"}} or {{"{TEXT}": ["…", …]}}'
            )
        batch = texts if pairs is None else list(zip(texts, pairs, strict=True))
        encodings = self.tokenizer.encode_batch(batch)
        values = {"ids": "ids", "mask": "attention_mask", "types": "type_ids"}
        return {
            name: np.array([getattr(encoding, values[kind]) for encoding in encodings], np.int64)
            for kind, name in self.names.items()
        }

    @property
    def names(self) -> dict[str, str]:
        """The names of the inputs by what they take."""
        names = {"ids": self.step.ids, "mask": self.step.mask, "types": self.step.types}
        return {kind: name for kind, name in names.items() if name is not None}


def _config(file: Path) -> dict[str, Any]:
    try:
        return cast(dict[str, Any], json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ExportError(f"--tokenizer {file}: {error}") from None


def _step(
    tokenizer: Any,  # noqa: ANN401 - of an optional library
    config: dict[str, Any],
    length: int | None,
    inputs: Sequence[str] | None,
) -> TokenizerStep:
    padding = tokenizer.padding or {}
    named = inputs or config.get("model_input_names") or DEFAULT_INPUTS
    if (unknown := [name for name in named if name not in KINDS]) or "input_ids" not in named:
        raise UsageError(
            f"--tokenizer-inputs {','.join(unknown or named)}: choose of {', '.join(KINDS)}; "
            "input_ids is needed"
        )
    names = {KINDS[name]: name for name in named}
    pad_token = config.get("pad_token") or "[PAD]"
    pad_token = pad_token["content"] if isinstance(pad_token, dict) else pad_token
    side = padding.get("direction") or config.get("padding_side") or "right"
    return TokenizerStep(
        length=length or _length(tokenizer, config),
        ids=names["ids"],
        mask=names.get("mask"),
        types=names.get("types"),
        pad_id=padding.get("pad_id", tokenizer.token_to_id(pad_token) or 0),
        pad_type=padding.get("pad_type_id", config.get("pad_token_type_id", 0)),
        pad_side=side,
        pad_multiple=padding.get("pad_to_multiple_of") or 1,
    )


def _length(tokenizer: Any, config: dict[str, Any]) -> int:  # noqa: ANN401 - of an optional library
    lengths = [
        (tokenizer.truncation or {}).get("max_length"),
        (tokenizer.padding or {}).get("length"),
        config.get("model_max_length"),
    ]
    found = [int(length) for length in lengths if length is not None and length <= LONGEST]
    if not found:
        raise UsageError(
            "--max-length N is missing: the most tokens that the model takes; the tokenizer does not say it"
        )
    return min(found)
