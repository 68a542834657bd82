"""A tokenizer that is trained on a few sentences: no model hub is asked."""

from functools import cache
from typing import Any

TEXTS = ["the cat sat on the mat", "a dog!", "", "prices rose by five percent " * 5, "äöü 中文 🎉 the"]


def trained() -> Any:
    """Return a WordPiece tokenizer as BERT has one, of 200 tokens at most; always the same one."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(_trained())


@cache
def _trained() -> str:
    # Two trainings number the tokens differently.
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    sentences = ["the cat sat on the mat", "a dog barked loudly at night", "prices rose by five percent"]
    tokenizer.train_from_iterator(sentences * 5, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer.to_str()
