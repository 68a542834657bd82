"""A PyTorch model of texts, exported with its tokenizer by the command line and then served."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from model.__main__ import main
from tests.app.process import Process
from tests.app.text import TEXTS, trained

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed here")
tokenizers: Any = pytest.importorskip("tokenizers", reason="the library tokenizers is not installed here")
pytestmark = pytest.mark.slow

NETWORK = """
import torch


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(200, 16)
        self.attention = torch.nn.TransformerEncoderLayer(16, 2, 32, dropout=0, batch_first=True)

    def forward(self, input_ids, attention_mask):
        return self.attention(self.embedding(input_ids), src_key_padding_mask=attention_mask == 0)


def encoder():
    return Encoder().eval()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the network, its weights, its tokenizer as transformers saves it, and a request."""
    home = tmp_path_factory.mktemp("text")
    (home / "texts.py").write_text(NETWORK)
    (home / "tokenizer").mkdir()
    trained().save(str(home / "tokenizer" / "tokenizer.json"))
    config = {
        "model_max_length": 24,
        "model_input_names": ["input_ids", "attention_mask"],
        "pad_token": "[PAD]",
    }
    (home / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(config))
    (home / "request.json").write_text(json.dumps({"text": TEXTS[:2]}))
    return home


@pytest.fixture(scope="module")
def network(home: Path) -> Any:
    namespace: dict[str, Any] = {}
    exec(NETWORK, namespace)
    module = namespace["encoder"]()
    torch.save(module.state_dict(), home / "weights.pt")
    return module


def options(home: Path) -> list[str]:
    return [
        *(
            "export",
            "--name",
            "texts",
            "--factory",
            "texts:encoder",
            "--checkpoint",
            str(home / "weights.pt"),
        ),
        *("--tokenizer", str(home / "tokenizer"), "--example-request", str(home / "request.json")),
        *("--mean-pooling", "states", "--normalize", "--output-name", "states", "--format", "onnx"),
        *("--output", str(home / "build")),
    ]


def embeddings_of(network: Any, texts: list[str]) -> Any:
    tokenizer = trained()
    tokenizer.enable_truncation(24)
    found: list[Any] = []
    for text in texts:
        ids = torch.tensor([tokenizer.encode(text).ids])
        with torch.no_grad():
            states = network(ids, torch.ones_like(ids))
        found.append(torch.nn.functional.normalize(states.mean(dim=1), dim=1)[0].numpy())
    return np.stack(found)


def test_the_service_answers_a_text_as_the_module_does(
    home: Path,
    network: Any,
    start: Callable[..., Process],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.syspath_prepend(home)
    assert main(options(home)) == 0
    artifact = (home / "build" / "texts" / "latest").resolve()
    process = start(artifact)
    process.wait_for("/health/ready")

    answer = httpx.post(f"{process.url}/predict", json={"text": TEXTS})
    np.testing.assert_allclose(
        answer.json()["predictions"], embeddings_of(network, TEXTS), rtol=1e-4, atol=1e-5
    )
    alone = httpx.post(f"{process.url}/predict", json={"text": TEXTS[0]})
    np.testing.assert_allclose(
        alone.json()["predictions"], embeddings_of(network, TEXTS[:1]), rtol=1e-4, atol=1e-5
    )
    signature = json.loads((artifact / "signature.json").read_text())
    assert [tensor["shape"] for tensor in signature["inputs"]] == [[-1, -1]] * 2
    steps = signature["steps"]
    assert steps["before"]["length"] == 24
    assert list(steps["files"]) == ["tokenizer.json"]


FIXED = """
import torch


class Reader(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(200, 8)
        self.positions = torch.nn.Parameter(torch.randn(24, 8))

    def forward(self, input_ids, attention_mask):
        return (self.embedding(input_ids) + self.positions) * attention_mask[..., None]


def reader():
    return Reader().eval()
"""


def test_texts_are_padded_to_one_length_where_the_module_takes_no_other(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.syspath_prepend(home)
    (home / "fixed.py").write_text(FIXED)
    namespace: dict[str, Any] = {}
    exec(FIXED, namespace)
    torch.save(namespace["reader"]().state_dict(), home / "fixed.pt")
    changes = {"texts:encoder": "fixed:reader", str(home / "weights.pt"): str(home / "fixed.pt")}

    assert main([changes.get(option, option) for option in options(home)]) == 0

    assert "each text is padded to 24 tokens" in capsys.readouterr().out
    signature = json.loads((home / "build" / "texts" / "latest" / "signature.json").read_text())
    assert [tensor["shape"] for tensor in signature["inputs"]] == [[-1, 24]] * 2


@pytest.fixture
def start(tmp_path: Path):
    started: list[Process] = []

    def one(artifact: Path) -> Process:
        started.append(Process(artifact, tmp_path / "log"))
        return started[-1]

    yield one
    for process in started:
        process.process.kill()
        process.process.wait()
