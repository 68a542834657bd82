import json
import threading
from typing import Any

import pytest

from ops.errors import OperationError
from ops.smoke import smoke
from tests.ops.conftest import Artifact, Service


def answer(label: str | None = "b", version: str = "0123456789ab") -> dict[str, Any]:
    prediction = [0.1, 0.7, 0.2] if label is None else {"label": label, "score": 0.7, "top": []}
    return {"model_name": "tiny", "model_version": version, "predictions": [prediction]}


def test_the_sample_is_sent_as_a_json_list(service: Service, artifact: Artifact):
    service.answer = answer(None)

    assert smoke(service.url, artifact()) == [0.1, 0.7, 0.2]

    ((path, kind, body),) = service.requests
    assert (path, kind, json.loads(body)) == ("/predict", "application/json", [[1.0, 2.0]])


def test_a_photograph_is_sent_as_it_is_if_there_is_one(service: Service, artifact: Artifact):
    service.answer = answer()

    smoke(service.url, artifact(photograph=b"PNG", labels=["a", "b", "c"]))

    assert service.requests == [("/predict", "image/png", b"PNG")]


def test_a_label_other_than_at_export_is_an_error(service: Service, artifact: Artifact):
    service.answer = answer("c")

    with pytest.raises(OperationError, match="predicts 'c'; at export it was 'b'"):
        smoke(service.url, artifact(labels=["a", "b", "c"]))


def test_a_version_other_than_the_deployed_one_is_an_error(service: Service, artifact: Artifact):
    service.answer = answer(version="old")

    with pytest.raises(OperationError, match="serves version old, not 0123456789ab"):
        smoke(service.url, artifact())


def test_an_error_of_the_server_is_reported_with_its_message(service: Service, artifact: Artifact):
    service.status, service.answer = 503, {"detail": "the model is loading"}

    with pytest.raises(OperationError, match=r"answered 503: .*the model is loading"):
        smoke(service.url, artifact())


def test_the_key_is_sent(service: Service, artifact: Artifact):
    service.answer, service.key = answer(None), "the-key-01234567"

    assert smoke(service.url, artifact(), key=service.key) == [0.1, 0.7, 0.2]
    with pytest.raises(OperationError, match="answered 401"):
        smoke(service.url, artifact())


def test_a_key_that_is_not_known_yet_is_sent_again(service: Service, artifact: Artifact):
    service.answer, service.key = answer(None), "the-old-key-0123"

    def change() -> None:
        service.key = "the-new-key-4567"

    timer = threading.Timer(0.5, change)
    timer.start()

    assert smoke(service.url, artifact(), key="the-new-key-4567", patience_seconds=30) == [0.1, 0.7, 0.2]
    timer.join()


def test_a_wrong_key_is_an_error_that_does_not_show_it(service: Service, artifact: Artifact):
    service.key = "the-key-01234567"

    with pytest.raises(OperationError, match="answered 401") as caught:
        smoke(service.url, artifact(), key="a-wrong-key-0123")

    assert "a-wrong-key-0123" not in str(caught.value)


class Clock:
    """A clock that only sleep() moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_a_service_that_never_answers_is_reported_when_patience_ends(
    artifact: Artifact, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock()
    monkeypatch.setattr("ops.smoke.time", clock)

    with pytest.raises(OperationError, match=r"127.0.0.1:9/predict did not answer: .*kubectl get pods"):
        smoke("http://127.0.0.1:9", artifact(), patience_seconds=5.5)

    assert clock.seconds == 6


def test_a_request_to_a_new_address_is_retried(artifact: Artifact):
    late = Service()
    late.answer = answer(None)
    timer = threading.Timer(0.5, late.start)
    timer.start()
    try:
        assert smoke(late.url, artifact(), patience_seconds=30) == [0.1, 0.7, 0.2]
    finally:
        timer.join()
        late.stop()
