"""Send the artifact's sample to a service and compare the answer with the one stored at export."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from ops.errors import OperationError
from ops.example import Example
from ops.request import Request

TIMEOUT_SECONDS = 30
UNAUTHORIZED = 401


def smoke(url: str, artifact: Path, *, patience_seconds: float = 0, key: str | None = None) -> Any:  # noqa: ANN401 - any JSON
    """Send the artifact's sample to a service and check the answer.

    Args:
        url: the base URL of the service.
        artifact: the folder of the artifact.
        patience_seconds: how long to retry while the service does not answer at all, or does not accept the
            key: the kubelet needs a minute or more to bring new keys to running pods.
        key: the API key of the service; None if it needs none.

    Returns:
        The first prediction; of a model with steps, the predictions of its example.

    Raises:
        OperationError: the service does not answer, or answers with an error, another version of the model,
            or another label than at export.

    """
    signature = json.loads((artifact / "signature.json").read_text())
    response = _answer(url, Request.of(artifact), key, time.monotonic() + patience_seconds)
    if not response.is_success:
        raise OperationError(f"{url}/predict answered {response.status_code}: {response.text}")
    answer = response.json()
    if (served := answer["model_version"]) != signature["version"]:
        raise OperationError(f"{url} serves version {served}, not {signature['version']}")
    if (example := Example.of(artifact)) is not None:
        if found := example.difference(answer["predictions"]):
            raise OperationError(f"{url} answers otherwise than at export: {found}")
        return answer["predictions"]
    prediction = answer["predictions"][0]
    expected = _expected_label(artifact, signature)
    if expected is not None and prediction["label"] != expected:
        raise OperationError(f"{url} predicts {prediction['label']!r}; at export it was {expected!r}")
    return prediction


def _answer(url: str, request: Request, key: str | None, deadline: float) -> httpx.Response:
    while True:
        try:
            with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
                response = request.send(client, url, key)
            if key is None or response.status_code != UNAUTHORIZED or time.monotonic() > deadline:
                return response
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise OperationError(
                    f"{url}/predict did not answer: {error}; see `kubectl get pods --all-namespaces`"
                ) from None
        time.sleep(1)


def _expected_label(artifact: Path, signature: dict[str, Any]) -> str | None:
    if signature["labels"] is None:
        return None
    with np.load(artifact / "sample.npz") as sample:
        return signature["labels"][int(sample[signature["outputs"][0]["name"]].argmax())]
