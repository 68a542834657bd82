"""A model without a batch axis: a state, a scalar, and an answer whose length depends on the data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest
from onnx import helper

from app.artifact import Artifact
from app.serving.model import Model
from app.signature import ArtifactError
from tests.app.conftest import VERSION, Client, write_artifact

STATE = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
INFER = f"/v2/models/counter/versions/{VERSION}/infer"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that adds a number to a state, and tells where the state was not 0."""
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "counter",
        [
            helper.make_node("Add", ["state", "step"], ["next"]),
            helper.make_node("NonZero", ["state"], ["places"]),
        ],
        {},
        {"state": STATE, "step": np.array(3, np.float32)},
        {"next": [2, 2], "places": [2, -1]},
        batched=False,
    )


@pytest.fixture
def client(counter: Path, client_of: Callable[..., Client]) -> Client:
    return client_of(counter)


def tensor(name, array):
    return {"name": name, "datatype": "FP32", "shape": list(array.shape), "data": array.ravel().tolist()}


def test_both_protocols_take_one_sample_in_the_shapes_of_the_signature(client: Client):
    predicted = client.request("POST", "/predict", json={"state": STATE.tolist(), "step": 3})
    inputs = [tensor("state", STATE), tensor("step", np.array(3, np.float32))]
    inferred = client.request("POST", INFER, json={"inputs": inputs})

    expected = {"next": [[4, 3], [3, 5]], "places": [[0, 1], [0, 1]]}
    assert predicted.json()["predictions"] == [expected]
    outputs = {output["name"]: output for output in inferred.json()["outputs"]}
    assert {name: output["shape"] for name, output in outputs.items()} == {"next": [2, 2], "places": [2, 2]}
    assert {name: output["data"] for name, output in outputs.items()} == {
        "next": [4, 3, 3, 5],
        "places": [0, 1, 0, 1],
    }


@pytest.mark.parametrize(("state", "count"), [([[0, 0], [0, 0]], 0), ([[1, 1], [1, 1]], 4)])
def test_the_length_of_an_answer_may_depend_on_the_data(client: Client, state, count):
    body = {"inputs": [tensor("state", np.array(state, np.float32)), tensor("step", np.array(0.5))]}
    answer = client.request("POST", INFER, json=body).json()
    assert [output["shape"] for output in answer["outputs"] if output["name"] == "places"] == [[2, count]]
    places = client.request("POST", "/predict", json={"state": state, "step": 0}).json()["predictions"][0][
        "places"
    ]
    assert np.array(places).shape == (2, count)


def test_tensors_without_a_batch_are_taken_and_given_as_bytes(client: Client):
    described = [
        {**tensor("state", STATE), "parameters": {"binary_data_size": STATE.nbytes}},
        {**tensor("step", np.array(3, np.float32)), "parameters": {"binary_data_size": 4}},
    ]
    for description in described:
        del description["data"]
    head = orjson.dumps(
        {"inputs": described, "outputs": [{"name": "next", "parameters": {"binary_data": True}}]}
    )
    answer = client.request(
        "POST",
        INFER,
        content=head + STATE.tobytes() + np.float32(3).tobytes(),
        headers={
            "content-type": "application/octet-stream",
            "inference-header-content-length": str(len(head)),
        },
    )
    length = int(answer.headers["inference-header-content-length"])
    assert orjson.loads(answer.content[:length])["outputs"][0]["shape"] == [2, 2]
    assert np.frombuffer(answer.content[length:], np.float32).tolist() == [4, 3, 3, 5]


def test_the_metadata_tells_the_shapes_that_a_client_must_send(client: Client):
    metadata = client.get("/v2/models/counter").json()
    assert [tensor["shape"] for tensor in metadata["inputs"]] == [[2, 2], []]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"state": [STATE.tolist()] * 2, "step": [1, 2]}, "2 samples in one request; this model takes one"),
        (
            {"instances": [{"state": STATE.tolist(), "step": 1}] * 3},
            "3 samples in one request; this model takes one",
        ),
        ({"state": [1, 2, 3], "step": 1}, "expected FP32 of shape [2, 2], or 4 numbers flat"),
    ],
)
def test_several_samples_in_a_request_are_refused(client: Client, body, detail):
    answer = client.request("POST", "/predict", json=body)
    assert answer.status_code == 400
    assert detail in answer.json()["detail"]


def test_a_batch_axis_in_a_request_is_refused(client: Client):
    inputs = [tensor("state", STATE[np.newaxis]), tensor("step", np.array(3, np.float32))]
    answer = client.request("POST", INFER, json={"inputs": inputs})
    assert answer.status_code == 400
    assert "expected FP32 of shape [2, 2], where -1 is any length" in answer.json()["detail"]


def test_one_sample_is_computed_at_a_time(counter: Path):
    model = Model.load(Artifact.read(counter), "onnx", 1, "cpu")
    assert model.profile_batches(1).batch_size == 1


def test_a_sample_with_a_batch_axis_is_not_this_models(counter: Path, tmp_path: Path):
    (tmp_path / "signature.json").write_bytes((counter / "signature.json").read_bytes())
    with np.load(counter / "sample.npz") as sample:
        np.savez(tmp_path / "sample.npz", **{name: array[np.newaxis] for name, array in sample.items()})
    with pytest.raises(ArtifactError, match=r"'state' is float32 \[1, 2, 2\]; .* says FP32 \[2, 2\]"):
        Artifact.read(tmp_path)
