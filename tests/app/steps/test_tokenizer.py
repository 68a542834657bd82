"""Texts to tokens, compared with the library itself."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import InvalidInput, TooLarge
from app.signature import ArtifactError, Signature
from app.step_descriptions import TokenizerStep
from app.steps.tokenizer import TextTokenizer
from tests.app.steps.signatures import signature
from tests.app.text import TEXTS, trained

tokenizers: Any = pytest.importorskip("tokenizers", reason="the library tokenizers is not installed here")

NAMES = ("ids", "mask", "types")
LENGTH = 16


def of_tokens(length: int = -1, datatype: str = "INT64") -> Signature:
    return signature(
        {name: (datatype, [-1, length]) for name in NAMES}, {"states": ("FP32", [-1, length, 4])}
    )


def step(**changes: Any) -> TokenizerStep:
    described: dict[str, Any] = {
        "kind": "tokenizer",
        "length": LENGTH,
        "ids": "ids",
        "mask": "mask",
        "types": "types",
        "pad_id": 0,
        "pad_type": 0,
        "pad_side": "right",
        "pad_multiple": 1,
    }
    return TokenizerStep.model_validate({**described, **changes})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    trained().save(str(path))
    return path


def expected(file: Path, texts: list[Any], **padding: Any) -> dict[str, list[list[int]]]:
    library = tokenizers.Tokenizer.from_file(str(file))
    library.enable_truncation(LENGTH)
    library.enable_padding(pad_id=0, **padding)
    encodings = library.encode_batch(texts)
    return {
        "ids": [encoding.ids for encoding in encodings],
        "mask": [encoding.attention_mask for encoding in encodings],
        "types": [encoding.type_ids for encoding in encodings],
    }


def lists(tensors: Any) -> dict[str, list[list[int]]]:
    return {name: array.tolist() for name, array in tensors.items()}


def test_texts_become_the_tokens_of_the_library_padded_to_the_longest(file: Path):
    tensors = TextTokenizer.load(file, step(), of_tokens()).tensors({"text": TEXTS}, 32)

    assert lists(tensors) == expected(file, TEXTS)
    assert tensors["ids"].shape[1] == LENGTH


def test_a_text_may_stand_alone_and_is_not_padded(file: Path):
    tensors = TextTokenizer.load(file, step(), of_tokens()).tensors({"text": "the cat"}, 32)

    assert lists(tensors) == expected(file, ["the cat"])


@pytest.mark.parametrize(
    ("changes", "padding"),
    [({"pad_side": "left"}, {"direction": "left"}), ({"pad_multiple": 8}, {"pad_to_multiple_of": 8})],
)
def test_padding_is_as_the_step_says(file: Path, changes: dict[str, Any], padding: dict[str, Any]):
    texts = ["the cat", "a dog barked"]
    tensors = TextTokenizer.load(file, step(**changes), of_tokens()).tensors({"text": texts}, 32)

    assert lists(tensors) == expected(file, texts, **padding)


def test_a_fixed_axis_is_always_filled(file: Path):
    tensors = TextTokenizer.load(file, step(), of_tokens(LENGTH, "INT32")).tensors({"text": "the"}, 32)

    assert lists(tensors) == expected(file, ["the"], length=LENGTH)
    assert tensors["ids"].dtype == np.int32


def test_pairs_are_tokenized_together(file: Path):
    request = {"text": ["the cat", "a dog"], "text_pair": ["sat on the mat", "barked"]}
    tensors = TextTokenizer.load(file, step(), of_tokens()).tensors(request, 32)

    assert lists(tensors) == expected(file, [("the cat", "sat on the mat"), ("a dog", "barked")])
    assert 1 in tensors["types"]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ("the cat", "there must be an object"),
        ({"texts": "the cat"}, "there must be an object"),
        ({"text": "the cat", "top": 5}, "there must be an object"),
        ({"text": 5}, "'text' must be a text, or a list of one text or more"),
        ({"text": []}, "'text' must be a text, or a list of one text or more"),
        ({"text": ["a", None]}, "'text' must be a text, or a list of one text or more"),
        ({"text": ["a", "b"], "text_pair": "c"}, "there are 2 texts in 'text' and 1 in 'text_pair'"),
    ],
)
def test_a_request_without_texts_is_refused(file: Path, request_: object, told: str):
    with pytest.raises(InvalidInput, match=told):
        TextTokenizer.load(file, step(), of_tokens()).tensors(request_, 32)


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"text": ["a"] * 3}, "3 texts in one request; at most 2"),
        ({"text": ["a", "é" * 20_000]}, "text 1 has 40000 bytes; at most 32768"),
    ],
)
def test_too_much_text_is_refused(file: Path, request_: object, told: str):
    with pytest.raises(TooLarge, match=told):
        TextTokenizer.load(file, step(), of_tokens()).tensors(request_, 2)


def test_the_threads_of_the_library_are_not_used(file: Path):
    TextTokenizer.load(file, step(), of_tokens())

    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"


@pytest.mark.parametrize(
    ("changes", "signature_", "told"),
    [
        ({"types": None}, of_tokens(), "the tokenizer gives ids, mask, and the model takes ids, mask, types"),
        ({}, of_tokens(datatype="FP32"), "must be integers of one shape"),
    ],
)
def test_inputs_that_hold_no_tokens_are_not_served(
    file: Path, changes: dict[str, Any], signature_: Signature, told: str
):
    with pytest.raises(ArtifactError, match=told):
        TextTokenizer.load(file, step(**changes), signature_)


def test_a_file_that_is_no_tokenizer_is_not_served(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(ArtifactError, match=r"tokenizer\.json cannot be read"):
        TextTokenizer.load(tmp_path / "tokenizer.json", step(), of_tokens())
