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

from ops.example import Example
from ops.keys import VARIABLE
from ops.stack import PROJECT

JSON = "application/json"
LONGEST_ARGUMENT = 200
"""The longest body, in characters, that is written on a command line; a longer body is put in a file."""

PRINT_KEY = f"""printf 'Authorization: Bearer %s' "${VARIABLE}" | """

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

    def curl(self, url: str, *, needs_key: bool = False) -> str:
        """Return a command line that sends this request to a service; it runs in any folder.

        Args:
            url: the base URL of the service.
            needs_key: whether to send the API key in the environment variable SLIPWAY_API_KEY. The shell
                passes it to curl through a pipe, because other users can read the arguments of a program.

        """
        text = self.body.decode(errors="replace")
        if self.content_type == JSON and len(text) <= LONGEST_ARGUMENT:
            data = ["--data", text]
        else:
            if not self.file.exists() or self.file.read_bytes() != self.body:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                self.file.write_bytes(self.body)
            data = ["--data-binary", f"@{self.file}"]
        send_key = ["-H", "@-"] if needs_key else []
        command = ["curl", *send_key, "-H", f"Content-Type: {self.content_type}", *data, f"{url}{self.path}"]
        return f"{PRINT_KEY if needs_key else ''}{shlex.join(command)}"

    def headers(self, key: str | None) -> dict[str, str]:
        """Return the headers of the request, with an API key if it is given."""
        authorization = {"authorization": f"Bearer {key}"} if key else {}
        return {"content-type": self.content_type, **authorization}

    def send(self, client: httpx.Client, url: str, key: str | None = None) -> httpx.Response:
        """Send the request to a service, with an API key if it is given."""
        return client.post(f"{url}{self.path}", content=self.body, headers=self.headers(key))


def requests_of(artifact: Path) -> Iterator[Request]:
    """Yield a request for each kind of body that the model takes, all with the artifact's sample.

    The picture comes first, if there is one, and then JSON.
    """
    signature = json.loads((artifact / "signature.json").read_text())
    name, inputs = signature["name"], signature["inputs"]
    example = Example.of(artifact)
    with np.load(artifact / "sample.npz") as sample:
        arrays: dict[str, NDArray[Any]] = {tensor["name"]: sample[tensor["name"]] for tensor in inputs}

    def request(title: str, body: bytes, suffix: str, kind: str = JSON, path: str = "/predict") -> Request:
        file = BODIES / name / f"{title.replace(' ', '-')}.{suffix}"
        return Request(title=title, path=path, content_type=kind, body=body, file=file)

    photograph = artifact.absolute() / "sample.png"
    if photograph.exists():
        body = photograph.read_bytes()
        yield Request(title="picture", path="/predict", content_type="image/png", body=body, file=photograph)
    # Where a step reads the body, it holds no tensors.
    has_tensors = example is None or example.request is None
    if example is not None and example.request is not None:
        yield request("JSON", _json(example.request), "json")
    else:
        whole, instances = _samples(arrays, batched=inputs[0].get("batched", True))
        yield request("JSON", _json(whole), "json")
        yield request("JSON instances", _json({"instances": instances}), "json")
    if has_tensors and len(inputs) == 1 and inputs[0]["datatype"] != "BYTES":
        array = arrays[inputs[0]["name"]]
        body = array.astype(array.dtype.newbyteorder("<")).tobytes()
        yield request("raw values", body, "bin", "application/octet-stream")
    tensors = [_tensor(arrays[described["name"]], described) for described in inputs]
    yield request(
        "Open Inference Protocol", _json({"inputs": tensors}), "json", path=f"/v2/models/{name}/infer"
    )


def _samples(arrays: dict[str, NDArray[Any]], *, batched: bool) -> tuple[Any, list[Any]]:
    """Return the batch as /predict takes it, and the list of its samples.

    With several inputs, the batch and each sample are objects by the name of the input. Without a batch axis
    the arrays are a single sample.
    """
    lists = {name: array.tolist() for name, array in arrays.items()}
    if not batched:
        whole = lists if len(lists) > 1 else next(iter(lists.values()))
        return whole, [whole]
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
