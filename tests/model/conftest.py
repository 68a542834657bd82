"""Models and artifacts that several tests look at, made once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from model.export import Artifact
    from model.source import Source


def silent(_line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="session")
def tiny() -> Source:
    """A model of all that differs between training and evaluation, with real samples of its input."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
    import numpy as np

    from model.source import Description
    from model.torch_source import torch_source

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3, padding=1),
            torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(),
            torch.nn.Dropout(),
            torch.nn.Flatten(),
            torch.nn.Linear(4 * 5 * 5, 3),
        )
    samples = np.random.default_rng(1).normal(size=(4, 2, 5, 5)).astype(np.float32)
    return torch_source(
        module, {"field": samples}, Description(name="tiny", labels=("a", "b", "c")), outputs=["logits"]
    )


@pytest.fixture(scope="session")
def artifact(tiny: Source, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    from model.export import export

    return export(tiny, [], tmp_path_factory.mktemp("tiny"), silent)


@pytest.fixture(scope="session")
def digits_source() -> Source:
    pytest.importorskip("torch", reason="PyTorch is not installed here")
    from model.zoo import load

    return load("digits", silent)


@pytest.fixture(scope="session")
def digits(digits_source: Source, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    from model.export import export

    return export(digits_source, [], tmp_path_factory.mktemp("digits"), silent)


@pytest.fixture(scope="session")
def efficientnet(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    pytest.importorskip("torch", reason="PyTorch is not installed here")
    from model.export import export
    from model.zoo import load

    return export(load("efficientnet-lite0", silent), [], tmp_path_factory.mktemp("efficientnet"), silent)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Write a user's module and its checkpoint to the current directory.

    Returns:
        The arguments of `python -m model` that export it, without its name and its input's shape.

    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
    (tmp_path / "my_network.py").write_text(
        "from torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 2))\n"
    )
    weights = {"1.weight": torch.ones(2, 108) / 108, "1.bias": torch.zeros(2)}
    torch.save(weights, tmp_path / "weights.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield ["export", "--factory", "my_network:make", "--checkpoint", "weights.pt", "--format", "torchscript"]
    sys.modules.pop("my_network", None)
