"""Models of Transformers with random weights, and a tokenizer trained on a few sentences."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
transformers = pytest.importorskip("transformers", reason="the extra huggingface is not installed here")
tokenizers = pytest.importorskip("tokenizers", reason="the extra huggingface is not installed here")

from model.errors import ExportError  # noqa: E402
from model.export import export  # noqa: E402
from model.formats import onnx  # noqa: E402
from model.sources.huggingface import load  # noqa: E402
from model.steps.description import MeanPoolingStep  # noqa: E402
from model.steps.tokenizer import TextTokenizer  # noqa: E402
from tests.model.conftest import silent  # noqa: E402
from tests.model.tabular import given  # noqa: E402

pytestmark = pytest.mark.slow

TEXTS = ["the cat sat on the mat", "a dog ran in the park", "terrible service and cold food"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


@pytest.fixture(scope="module")
def tokenizer():
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=120, special_tokens=SPECIAL, show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=40,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


@pytest.fixture
def folder(tokenizer, tmp_path, request):
    """The folder of a model of the class that the test names."""
    kind, settings = request.param
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=120,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=48,
        **settings,
    )
    getattr(transformers, kind)(config).eval().save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


CLASSIFIER = ("BertForSequenceClassification", {"id2label": {0: "bad", 1: "good", 2: "neutral"}})
TAGGER = ("BertForTokenClassification", {"id2label": {0: "other", 1: "name"}})
EMBEDDER = ("BertModel", {})


def compared_with_transformers(folder, loader, output, artifact):
    """Hold the exported file against Transformers itself, at several lengths, each text alone."""
    model = loader.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    run = onnx.load(artifact.path / "onnx")
    for text in [*TEXTS, "cat", " ".join(TEXTS)]:
        tokens = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            expected = getattr(model(**tokens), output).numpy()
        answer = run({name: tensor.numpy() for name, tensor in tokens.items()})[output]
        np.testing.assert_allclose(answer, expected, atol=1e-5)


@pytest.mark.parametrize("folder", [CLASSIFIER], indirect=True)
def test_a_classifier_of_texts_has_the_labels_of_its_folder_and_takes_any_length(folder, tmp_path):
    artifact = export(load(given(folder, None)), [], tmp_path, silent)

    compared_with_transformers(folder, transformers.AutoModelForSequenceClassification, "logits", artifact)
    signature = artifact.signature
    assert {tensor.name: tensor.shape for tensor in signature.inputs} == dict.fromkeys(
        ("input_ids", "token_type_ids", "attention_mask"), (-1, -1)
    )
    assert (signature.labels, signature.activation) == (("bad", "good", "neutral"), "softmax")


@pytest.mark.parametrize("folder", [EMBEDDER], indirect=True)
def test_embeddings_are_vectors_for_each_token(folder, tmp_path):
    artifact = export(load(given(folder, None)), [], tmp_path, silent)

    compared_with_transformers(folder, transformers.AutoModel, "last_hidden_state", artifact)
    assert artifact.signature.outputs[0].shape == (-1, -1, 16)
    assert artifact.signature.steps is not None
    assert artifact.signature.steps.after == ()


@pytest.mark.parametrize("folder", [EMBEDDER], indirect=True)
def test_a_folder_of_sentence_transformers_says_how_tokens_are_pooled(folder):
    names = ("Transformer", "Pooling", "Normalize")
    modules = [{"type": f"sentence_transformers.models.{name}", "path": name} for name in names]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "Pooling").mkdir()
    (folder / "Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))

    steps = load(given(folder, None)).description.steps

    assert steps is not None
    assert steps.description.after == (
        MeanPoolingStep(output="last_hidden_state", mask="attention_mask", normalize=True),
    )
    (folder / "Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    with pytest.raises(ExportError, match="pooling_mode_cls_token is not supported"):
        load(given(folder, None))


@pytest.mark.parametrize("folder", [EMBEDDER], indirect=True)
def test_a_tokenizer_that_names_no_inputs_fills_those_that_transformers_fills(folder):
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text())
    del config["model_input_names"]
    file.write_text(json.dumps(config))

    source = load(given(folder, None))

    assert source.description.steps is not None
    before = source.description.steps.before
    assert isinstance(before, TextTokenizer)
    assert set(before.names.values()) == set(source.samples)


@pytest.mark.parametrize("folder", [EMBEDDER], indirect=True)
def test_a_text_is_cut_off_where_sentence_transformers_cuts_it_off(folder):
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 16}))

    steps = load(given(folder, None)).description.steps

    assert steps is not None
    assert isinstance(steps.before, TextTokenizer)
    assert steps.before.step.length == 16


@pytest.mark.parametrize("folder", [TAGGER], indirect=True)
def test_a_classifier_of_tokens_reports_what_its_scores_stand_for(folder, tmp_path):
    lines: list[str] = []
    artifact = export(load(given(folder, None, lines.append)), [], tmp_path, silent)

    compared_with_transformers(folder, transformers.AutoModelForTokenClassification, "logits", artifact)
    assert "the last axis of logits holds a score for each of other, name" in lines


@pytest.mark.parametrize("folder", [("BertForMaskedLM", {})], indirect=True)
def test_another_kind_of_model_is_refused_with_where_to_go(folder):
    with pytest.raises(ExportError, match=r"BertForMaskedLM is not supported: .* such as vLLM"):
        load(given(folder, None))


@pytest.mark.parametrize("folder", [EMBEDDER], indirect=True)
def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()

    with pytest.raises(ExportError, match=r"Transformers cannot load it: .* model\.save_pretrained\(DIR\)"):
        load(given(folder, None))
