"""Tiny artifacts, written here as the export writes them, and a service that serves one."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from starlette.types import ASGIApp

from app.http.api import create_app
from app.serving.service import Service
from app.settings import Settings
from tests.app.pictures import SMALL_IMAGE, picture
from tests.app.process import Process

VERSION = "0123456789ab"
Arrays = dict[str, NDArray[Any]]
DATATYPES = {
    "bool": "BOOL",
    **{f"{sign}int{bits}": f"{sign}int{bits}".upper() for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    "object": "BYTES",
}
"""The protocol's names by NumPy's."""


def write_artifact(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: Arrays,
    inputs: Arrays,
    outputs: dict[str, list[int]],
    *,
    any_length: bool = False,
    batched: bool = True,
    **signature: Any,
) -> Path:
    """Write an artifact whose sample is the inputs, and its answer what the ONNX reference computes.

    An input's shape is the sample's, or any of as many axes; an output's is given, with -1 for any length.
    Without a batch the arrays are one sample, and the shapes are theirs.
    """

    def shape(array: NDArray[Any]) -> list[int]:
        if any_length:
            return [-1] * array.ndim
        return [-1, *array.shape[1:]] if batched else list(array.shape)

    taken = {name: shape(array) for name, array in inputs.items()}

    def values(arrays: Arrays, shapes: dict[str, list[int]]) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(
                name,
                helper.np_dtype_to_tensor_dtype(array.dtype),
                [f"{name}_{axis}" if length == -1 else length for axis, length in enumerate(shapes[name])],
            )
            for name, array in arrays.items()
        ]

    def model_of(answers: Arrays) -> onnx.ModelProto:
        graph = helper.make_graph(
            nodes,
            "graph",
            values(inputs, taken),
            values(answers, outputs),
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    def described(arrays: Arrays, shapes: dict[str, list[int]]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "datatype": DATATYPES[str(array.dtype)],
                "shape": shapes[name],
                **({} if batched else {"batched": False}),
            }
            for name, array in arrays.items()
        ]

    evaluator = ReferenceEvaluator(model_of(dict.fromkeys(outputs, np.zeros(1, np.float32))))
    answers = cast(list[NDArray[Any]], evaluator.run(None, inputs))
    expected = dict(zip(outputs, answers, strict=True))
    (path / "onnx").mkdir(parents=True)
    onnx.save(model_of(expected), path / "onnx" / "model.onnx")
    stored = {name: _stored(array) for name, array in {**inputs, **expected}.items()}
    np.savez(path / "sample.npz", allow_pickle=False, **stored)
    content = {
        "name": path.name,
        "version": VERSION,
        "formats": ["onnx"],
        "inputs": described(inputs, taken),
        "outputs": described(expected, outputs),
        "labels": None,
        "activation": None,
        "image": None,
        "batchable": batched,
        **signature,
    }
    (path / "signature.json").write_text(json.dumps(content))
    return path


def settings_of(**values: Any) -> Settings:
    """Return settings of the server with some values changed."""
    return Settings(**values)


def _stored(array: NDArray[Any]) -> NDArray[Any]:
    # An array of objects would be a pickle.
    return array.astype(np.str_) if array.dtype == np.object_ else array


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of samples of shape [2, 3]; its scores are the softmax of the sample times 0, 1 and 2."""
    weights = np.zeros((6, 3), np.float32)
    weights[:, 1], weights[:, 2] = 1, 2
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "tiny",
        [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["logits"])],
        {"w": weights},
        {"x": np.arange(6, dtype=np.float32).reshape(1, 2, 3) / 10},
        {"logits": [-1, 3]},
        labels=["none", "once", "twice"],
        activation="softmax",
    )


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of photographs: the mean of each of three channels, 4 by 4 pixels, of 0 to 1."""
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "colours",
        [
            helper.make_node("GlobalAveragePool", ["image"], ["means"]),
            helper.make_node("Flatten", ["means"], ["scores"]),
        ],
        {},
        {"image": np.linspace(0, 1, 48, dtype=np.float32).reshape(1, 3, 4, 4)},
        {"scores": [-1, 3]},
        labels=["red", "green", "blue"],
        image=SMALL_IMAGE,
    )


@pytest.fixture(scope="session")
def lookup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two inputs and two outputs without labels: rows 0 to 3 of a table by number, and a value doubled."""
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "lookup",
        [
            helper.make_node("Gather", ["table", "rows"], ["found"]),
            helper.make_node("Add", ["value", "value"], ["doubled"]),
        ],
        {"table": np.arange(8, dtype=np.float32).reshape(4, 2)},
        {"rows": np.array([[1, 2]]), "value": np.array([[0.5]], np.float32)},
        {"found": [-1, 2, 2], "doubled": [-1, 1]},
    )


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of all datatypes: `FP16_out` is `FP16`, two values a sample, and so on."""
    values = {name: np.array([[0, 1]]).astype(np.dtype(name)) for name in DATATYPES if name != "object"}
    inputs = {DATATYPES[name]: array for name, array in values.items()}
    inputs["BYTES"] = np.array([["", "ä"]], np.object_)
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "echo",
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in inputs],
        {},
        inputs,
        {f"{name}_out": [-1, 2] for name in inputs},
    )


@pytest.fixture(scope="session")
def ragged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of samples of any length and width: twice their values."""
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "ragged",
        [helper.make_node("Add", ["x", "x"], ["twice"])],
        {},
        {"x": np.ones((1, 2, 3), np.float32)},
        {"twice": [-1, -1, -1]},
        any_length=True,
    )


@pytest.fixture(scope="session")
def repository(
    tiny: Path, lookup: Path, echo: Path, ragged: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of several models, by name and version."""
    folder = tmp_path_factory.mktemp("repository")
    for artifact in (tiny, lookup, echo, ragged):
        shutil.copytree(artifact, folder / artifact.name / VERSION)
    return folder


@pytest.fixture(scope="session")
def client(repository: Path) -> Iterator["Client"]:
    """A client of several models, for tests that leave them as they are."""
    service = Service(settings_of(model_path=repository, batch_size=4, threads=1))
    asyncio.run(service.load())
    yield Client(create_app(service))
    service.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Load an artifact into a service: `serve(path, batch_size=2)`."""
    services: list[Service] = []

    def load(path: Path, **settings: Any) -> Service:
        service = Service(settings_of(model_path=path, **{"batch_size": 4, "threads": 2, **settings}))
        services.append(service)
        asyncio.run(service.load())
        return service

    yield load
    for service in services:
        service.close()


class Client:
    """Requests to an application, without a network or a running loop."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def predict(
        self, content: bytes, content_type: str = "application/json", **headers: str
    ) -> httpx.Response:
        headers = {"content-type": content_type, **headers}
        return self.request("POST", "/predict", content=content, headers=headers)


@pytest.fixture
def client_of(serve: Callable[..., Service]) -> Callable[..., Client]:
    """Serve an artifact to a client: `client_of(path, batch_size=2)`."""
    return lambda path, **settings: Client(create_app(serve(path, **settings)))


@pytest.fixture(name="picture")
def picture_fixture() -> Callable[..., bytes]:
    """Give `picture` to a test."""
    return picture


def _starter(tiny: Path, folder: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def one(artifact: Path = tiny, **options: Any) -> Process:
        started.append(Process(artifact, folder / f"{len(started)}.log", **options))
        return started[-1]

    yield one
    for process in started:
        process.process.kill()
        process.process.wait()


@pytest.fixture
def start(tiny: Path, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start a server: `start(artifact, setting=value)`, `before` being code to run first."""
    yield from _starter(tiny, tmp_path)


@pytest.fixture(scope="module")
def start_module(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Process]]:
    """Start a server that several tests share."""
    yield from _starter(tiny, tmp_path_factory.mktemp("servers"))
