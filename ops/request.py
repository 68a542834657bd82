"""Build requests to a model from the sample in its artifact."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from ops.stack import PROJECT

JSON = "application/json"
LONGEST_ARGUMENT = 200
"""The longest body, in characters, that is written on a command line; a longer body is put in a file."""

BODIES = PROJECT / "build" / "requests"
"""The folder of the files that the printed command lines send."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A prediction request as a client would send it."""

    title: str
    """The kind of the body, for a person."""

    path: str
    content_type: str
    body: bytes
    file: Path
    """The file of the body. The method `curl` writes it if the body is too long for a command line."""

    @classmethod
    def of(cls, artifact: Path) -> "Request":
        """Return a request with the sample: a picture if the model takes pictures, else JSON."""
        return next(requests_of(artifact))

    def curl(self, url: str) -> str:
        """Return a command line that sends this request to a service; it runs in any folder."""
        text = self.body.decode(errors="replace")
        if self.content_type == JSON and len(text) <= LONGEST_ARGUMENT:
            data = ["--data", text]
        else:
            if not self.file.exists() or self.file.read_bytes() != self.body:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                self.file.write_bytes(self.body)
            data = ["--data-binary", f"@{self.file}"]
        return shlex.join(["curl", "-H", f"Content-Type: {self.content_type}", *data, f"{url}{self.path}"])

    def send(self, client: httpx.Client, url: str) -> httpx.Response:
        """Send the request to a service."""
        return client.post(
            f"{url}{self.path}", content=self.body, headers={"content-type": self.content_type}
        )


def requests_of(artifact: Path) -> Iterator[Request]:
    """Yield a request for each kind of body that the model takes, all with the artifact's sample.

    The picture comes first, if there is one, and then JSON.
    """
    signature = json.loads((artifact / "signature.json").read_text())
    name, inputs = signature["name"], signature["inputs"]
    with np.load(artifact / "sample.npz") as sample:
        arrays: dict[str, NDArray[Any]] = {tensor["name"]: sample[tensor["name"]] for tensor in inputs}

    def request(title: str, body: bytes, suffix: str, kind: str = JSON, path: str = "/predict") -> Request:
        file = BODIES / name / f"{title.replace(' ', '-')}.{suffix}"
        return Request(title=title, path=path, content_type=kind, body=body, file=file)

    photograph = artifact.absolute() / "sample.png"
    if photograph.exists():
        body = photograph.read_bytes()
        yield Request(title="picture", path="/predict", content_type="image/png", body=body, file=photograph)
    whole, instances = _samples(arrays)
    yield request("JSON", _json(whole), "json")
    yield request("JSON instances", _json({"instances": instances}), "json")
    if len(inputs) == 1 and inputs[0]["datatype"] != "BYTES":
        array = arrays[inputs[0]["name"]]
        body = array.astype(array.dtype.newbyteorder("<")).tobytes()
        yield request("raw values", body, "bin", "application/octet-stream")
    tensors = [_tensor(arrays[described["name"]], described) for described in inputs]
    yield request(
        "Open Inference Protocol", _json({"inputs": tensors}), "json", path=f"/v2/models/{name}/infer"
    )


def _samples(arrays: dict[str, NDArray[Any]]) -> tuple[Any, list[Any]]:
    """Return the batch as /predict takes it, and the list of its samples.

    With several inputs, the batch and each sample are objects by the name of the input.
    """
    lists = {name: array.tolist() for name, array in arrays.items()}
    if len(lists) == 1:
        (only,) = lists.values()
        return only, only
    return lists, [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _tensor(array: NDArray[Any], described: dict[str, Any]) -> dict[str, Any]:
    """Return an input as the Open Inference Protocol writes it in JSON."""
    return {
        "name": described["name"],
        "shape": list(array.shape),
        "datatype": described["datatype"],
        "data": array.ravel().tolist(),
    }


def _json(content: object) -> bytes:
    return json.dumps(content).encode()
