"""Texts to tokens, by a `tokenizer.json` of the library `tokenizers`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput, TooLarge
from app.signature import ArtifactError, Signature
from app.step_descriptions import TokenizerStep
from app.tensors import DTYPES, Arrays

TEXT, PAIR = "text", "text_pair"

LEAST_TEXT_BYTES = 32 * 1024
BYTES_A_TOKEN = 16
"""A text may have the larger of `LEAST_TEXT_BYTES`, and `BYTES_A_TOKEN` for each token that the model takes.
A text is tokenized as a whole before it is cut off."""

MEMORY_A_BYTE = 320
"""Bytes of memory that a byte of a text takes at most while it is tokenized, as measured with WordPiece."""

REQUIREMENTS = "app/requirements/steps/tokenizer.txt"


class Encoding(Protocol):
    """Of `tokenizers.Encoding`: the tokens of one text, or of a pair."""

    ids: list[int]
    attention_mask: list[int]
    type_ids: list[int]


class Tokenizer(Protocol):
    """Of `tokenizers.Tokenizer`, which types its methods loosely."""

    def encode_batch_fast(self, input: list[Any]) -> list[Encoding]:  # noqa: A002 - the library's name
        """Return the tokens of texts, or of pairs of them. Other threads run meanwhile."""
        ...


@dataclass(frozen=True, kw_only=True)
class TextTokenizer:
    """Turns texts into the model's inputs. Safe to call from several threads."""

    step: TokenizerStep
    signature: Signature
    tokenizer: Tokenizer

    @classmethod
    def load(cls, file: Path, step: TokenizerStep, signature: Signature) -> Self:
        """Load a tokenizer, which cuts texts off at the length of the step.

        Raises:
            ArtifactError: the library is missing, the file cannot be read, or the inputs are others.

        """
        _check_inputs(step, signature)
        try:
            # The library is only in the images that need it.
            library = cast(Any, import_module("tokenizers"))
        except ModuleNotFoundError:
            raise ArtifactError(f"{file} needs the library tokenizers: install {REQUIREMENTS}") from None
        # One thread for each request: those of the library would be as many as the machine has cores.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            tokenizer = library.Tokenizer.from_file(str(file))
            truncation = cast(dict[str, Any], tokenizer.truncation or {})
            side = truncation.get("direction", "right")
            tokenizer.no_padding()
            tokenizer.enable_truncation(step.length, direction=side)
        except Exception as error:  # noqa: BLE001 - the library raises nothing more precise
            raise ArtifactError(f"{file} cannot be read: {error}") from None
        return cls(step=step, signature=signature, tokenizer=cast(Tokenizer, tokenizer))

    @property
    def most_bytes(self) -> int:
        """Most bytes of a text with its pair."""
        return max(LEAST_TEXT_BYTES, BYTES_A_TOKEN * self.step.length)

    def cost(self, length: int, batch_size: int) -> int:
        """Return the bytes that the tokens of the longest text take, and the tensors of all."""
        longest = min(length, self.most_bytes)
        itemsize = sum(DTYPES[tensor.datatype].itemsize for tensor in self.signature.inputs)
        return longest * MEMORY_A_BYTE + batch_size * self.step.length * itemsize

    def tensors(self, request: object, batch_size: int) -> Arrays:
        """Return the tokens of `{"text": …}`, where `…` is a text or a list of them.

        The texts are padded to the longest of them, or to the model's length if that is fixed.
        `text_pair` may hold a second text for each.

        Raises:
            InvalidInput: the request holds something else.
            TooLarge: there are too many texts, or a text is too long.

        """
        texts = self._texts(request, batch_size)
        # One by one, so that only one text's tokens are in memory with their names and places.
        tokens = [_Tokens.of(self.tokenizer.encode_batch_fast([text])[0]) for text in texts]
        length = self._length(max(len(text.ids) for text in tokens))
        padding = {"ids": self.step.pad_id, "mask": 0, "types": self.step.pad_type}
        datatypes = {tensor.name: tensor.datatype for tensor in self.signature.inputs}
        arrays: Arrays = {}
        for kind, name in _names(self.step).items():
            array = np.full((len(tokens), length), padding[kind], DTYPES[datatypes[name]])
            for row, text in zip(array, tokens, strict=True):
                values = getattr(text, kind)
                place = slice(length - len(values), length) if self._is_left else slice(len(values))
                row[place] = values
            arrays[name] = array
        return arrays

    @property
    def _is_left(self) -> bool:
        return self.step.pad_side == "left"

    def _length(self, longest: int) -> int:
        fixed = self.signature.inputs[0].sample_shape[0]
        if fixed != -1:
            return fixed
        multiple = self.step.pad_multiple
        # A text without tokens becomes one of padding: no tensor is empty.
        return max(1, -(-longest // multiple)) * multiple

    def _texts(self, request: object, batch_size: int) -> Sequence[str | tuple[str, str]]:
        given = cast(dict[str, Any], request) if isinstance(request, dict) else {}
        if TEXT not in given or not given.keys() <= {TEXT, PAIR}:
            raise InvalidInput(f'there must be an object {{"{TEXT}": "…"}}, or {{"{TEXT}": ["…", …]}}')
        texts = _strings(given[TEXT], TEXT)
        if len(texts) > batch_size:
            raise TooLarge(f"{len(texts)} texts in one request; at most {batch_size} are accepted")
        pairs = _strings(given[PAIR], PAIR) if PAIR in given else None
        if pairs is not None and len(pairs) != len(texts):
            raise InvalidInput(f"there are {len(texts)} texts in {TEXT!r} and {len(pairs)} in {PAIR!r}")
        for number, text in enumerate(texts):
            size = len(text.encode()) + (len(pairs[number].encode()) if pairs else 0)
            if size > self.most_bytes:
                raise TooLarge(f"text {number} has {size} bytes; at most {self.most_bytes} are accepted")
        return texts if pairs is None else list(zip(texts, pairs, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Tokens:
    """The tokens of a text, as arrays: lists of Python's numbers take ten times as much."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    types: NDArray[np.int64]

    @classmethod
    def of(cls, encoding: Encoding) -> Self:
        return cls(
            ids=np.array(encoding.ids, np.int64),
            mask=np.array(encoding.attention_mask, np.int64),
            types=np.array(encoding.type_ids, np.int64),
        )


def _names(step: TokenizerStep) -> dict[str, str]:
    """Return the names of the inputs by what they take."""
    names = {"ids": step.ids, "mask": step.mask, "types": step.types}
    return {kind: name for kind, name in names.items() if name is not None}


def _check_inputs(step: TokenizerStep, signature: Signature) -> None:
    names = _names(step).values()
    inputs = {tensor.name: tensor for tensor in signature.inputs}
    if inputs.keys() != set(names):
        raise ArtifactError(
            f"steps: the tokenizer gives {', '.join(names)}, and the model takes {', '.join(inputs)}"
        )
    shapes = {tensor.sample_shape for tensor in inputs.values()}
    if len(shapes) > 1 or len(shapes.pop()) != 1 or not all("INT" in t.datatype for t in inputs.values()):
        raise ArtifactError("steps: the inputs of a tokenizer must be integers of one shape [-1, tokens]")


def _strings(value: object, key: str) -> list[str]:
    texts: list[Any] = cast(list[Any], value) if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidInput(f"{key!r} must be a text, or a list of one text or more")
    return texts
