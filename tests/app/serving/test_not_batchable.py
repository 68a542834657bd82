"""A model whose outputs for a sample depend on the other samples of its batch."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from onnx import helper

from app.artifact import Artifact
from app.http.api import create_app
from app.serving.model import Model
from app.signature import ArtifactError
from tests.app.conftest import write_artifact


def shares(folder: Path, *, batchable: bool) -> Path:
    """Write a model that answers with each sample's share of the sum of its batch."""
    return write_artifact(
        folder / "shares",
        [
            helper.make_node("ReduceSum", ["x", "axis"], ["sum"], keepdims=1),
            helper.make_node("Div", ["x", "sum"], ["share"]),
        ],
        {"axis": np.array([0])},
        {"x": np.array([[3]], np.float32)},
        {"share": [-1, 1]},
        batchable=batchable,
    )


def test_requests_that_arrive_together_are_computed_separately(tmp_path: Path, serve: Callable):
    app = create_app(serve(shares(tmp_path, batchable=False), batch_size=32))

    async def ask() -> list[list[list[float]]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as client:
            requests = [client.post("/predict", json=[[value], [1]]) for value in range(1, 21)]
            return [answer.json()["predictions"] for answer in await asyncio.gather(*requests)]

    expected = [[[value / (value + 1)], [1 / (value + 1)]] for value in range(1, 21)]
    assert np.allclose(asyncio.run(ask()), expected)


def test_a_request_with_many_samples_is_computed_in_a_single_run(tmp_path: Path, serve: Callable):
    app = create_app(serve(shares(tmp_path, batchable=False), batch_size=32))
    values = [[float(value)] for value in range(1, 21)]

    async def ask() -> list[list[float]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as client:
            return (await client.post("/predict", json=values)).json()["predictions"]

    assert np.allclose(asyncio.run(ask()), np.array(values) / np.sum(values))


def test_a_model_whose_samples_depend_on_each_other_must_declare_it(tmp_path: Path):
    artifact = Artifact.read(shares(tmp_path, batchable=True))

    with pytest.raises(ArtifactError, match="a batch of 2 of its own sample gives 'share' off by"):
        Model.load(artifact, "onnx", 4, "cpu")
