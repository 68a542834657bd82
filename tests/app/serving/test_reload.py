"""The folder of models changes while they are served."""

import asyncio
import gc
import json
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.artifact import Artifact
from app.http.api import create_app
from app.serving.service import Service
from app.serving.watchdog import Watchdog
from tests.app.conftest import Client
from tests.app.process import Process
from tests.app.versions import BODY, ask, times, write_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_models(tmp_path / "models")


@pytest.fixture
def service(folder: Path, serve: Callable[..., Service]) -> Service:
    return serve(folder)


@pytest.fixture
def client(service: Service) -> Client:
    return Client(create_app(service))


def reload(service: Service, times: int = 1) -> None:
    async def again() -> None:
        for _ in range(times):
            await service.reload()
        # What is served no more ends.
        await asyncio.sleep(0)

    asyncio.run(again())


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


def versions_of(metric: str, service: Service) -> set[str]:
    return {
        sample.labels["version"]
        for family in service.metrics.registry.collect()
        if family.name == metric
        for sample in family.samples
    }


def test_a_new_version_takes_over_and_the_old_one_stays_at_its_path(
    folder: Path, service: Service, client: Client
):
    before = client.get("/openapi.json").json()
    times(4, folder / "times" / "v4")
    reload(service)

    assert ask(client, "times") == ("times", "v4", 4)
    assert ask(client, "times/versions/v3") == ("times", "v3", 3)
    assert "v4" in client.get("/v2/models/times").json()["versions"]
    assert "v4" not in json.dumps(before)
    assert "v4" in client.get("/openapi.json").text


def test_a_link_that_moves_moves_the_default(folder: Path, service: Service, client: Client):
    (folder / "times" / "latest").symlink_to("v2")
    reload(service)

    assert ask(client, "times") == ("times", "v2", 2)


def test_a_version_that_is_gone_is_unknown_and_the_newest_that_is_left_takes_over(
    folder: Path, service: Service, client: Client
):
    shutil.rmtree(folder / "times" / "v3")
    reload(service)

    response = client.request("POST", "/v2/models/times/versions/v3/infer", content=BODY)
    assert response.status_code == 404
    assert "times/v2" in response.json()["detail"]
    assert ask(client, "times") == ("times", "v2", 2)
    assert versions_of("model_ready", service) == {"v2", "v10"}


def test_the_last_model_stays_though_its_folder_is_gone(folder: Path, service: Service, client: Client):
    shutil.rmtree(folder)
    reload(service)

    assert ask(client, "times") == ("times", "v3", 3)
    times(5, folder / "times" / "v5")
    reload(service)
    assert ask(client, "times") == ("times", "v5", 5)


def test_a_version_that_is_back_before_the_old_one_has_ended_keeps_its_metrics(
    folder: Path, service: Service
):
    async def away_and_back() -> None:
        old = service.model("times", "v3")
        # A request is on its way through the old one.
        old.batcher._slots.waiting = 1
        (folder / "times" / "v3").rename(folder.parent / "v3")
        await service.reload()
        (folder.parent / "v3").rename(folder / "times" / "v3")
        await service.reload()
        assert service.model("times", "v3") is not old
        old.batcher._slots.waiting = 0
        await asyncio.sleep(0.05)

    asyncio.run(away_and_back())

    assert "v3" in versions_of("model_ready", service)


def break_model(artifact: Path) -> None:
    (artifact / "onnx" / "model.onnx").write_bytes(b"not a model")


def break_signature(artifact: Path) -> None:
    (artifact / "signature.json").write_text("{")


def break_sample(artifact: Path) -> None:
    (artifact / "sample.npz").unlink()


def garble_sample(artifact: Path) -> None:
    file = artifact / "sample.npz"
    np.savez_compressed(file, x=np.zeros((1, 1), np.float32))
    content = bytearray(file.read_bytes())
    # The start of the first member's compressed bytes, behind its header and name.
    content[60:64] = b"\xff" * 4
    file.write_bytes(content)


BREAK = pytest.mark.parametrize("spoil", [break_model, break_signature, break_sample, garble_sample])


@BREAK
def test_a_broken_version_is_logged_once_and_changes_nothing(
    spoil: Callable, folder: Path, service: Service, client: Client, caplog: pytest.LogCaptureFixture
):
    spoil(times(4, folder / "times" / "v4"))
    reload(service, 3)

    (error,) = errors(caplog)
    assert error.startswith("model not loaded; the models that are served stay: ")
    assert str(folder / "times" / "v4") in error
    assert ask(client, "times") == ("times", "v3", 3)
    assert ask(client, "tenfold") == ("tenfold", "v10", 10)
    assert "v4" not in client.get("/v2/models/times").json()["versions"]
    assert versions_of("model_ready", service) == {"v2", "v3", "v10"}


def test_what_could_not_be_loaded_is_not_tried_again_before_it_changes(
    folder: Path, service: Service, monkeypatch: pytest.MonkeyPatch
):
    tried: list[Path] = []
    real = Artifact.read
    monkeypatch.setattr(Artifact, "read", lambda path: tried.append(path) or real(path))

    break_model(times(4, folder / "times" / "v4"))
    reload(service, 3)
    assert tried == [folder / "times" / "v4"]

    break_sample(folder / "times" / "v4")
    reload(service, 3)
    assert tried == [folder / "times" / "v4"] * 2


@BREAK
def test_a_broken_version_holds_no_other_up_and_is_served_once_it_is_whole(
    spoil: Callable, folder: Path, service: Service, client: Client, caplog: pytest.LogCaptureFixture
):
    spoil(times(5, folder / "times" / "v5"))
    times(4, folder / "times" / "v4")
    reload(service, 2)
    assert ask(client, "times") == ("times", "v4", 4)

    shutil.rmtree(folder / "times" / "v5")
    times(5, folder / "times" / "v5")
    reload(service)
    assert ask(client, "times") == ("times", "v5", 5)
    assert len(errors(caplog)) == 1


@BREAK
def test_a_served_version_that_breaks_on_disk_is_served_on(
    spoil: Callable, folder: Path, service: Service, client: Client
):
    spoil(folder / "times" / "v3")
    reload(service, 2)

    assert ask(client, "times") == ("times", "v3", 3)


@contextmanager
def asked_all_the_time(server: Process, path: str) -> Iterator[list[httpx.Response]]:
    """Send one request after the other from two clients; the list grows."""
    answers: list[httpx.Response] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url) as client:
            while not over.is_set():
                answers.append(client.post(path, content=BODY))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


SLOW = """
    import time
    from app import runtimes
    real = runtimes.load
    def load(path, signature, *more):
        run = real(path, signature, *more)
        def slow(inputs):
            time.sleep(0.005)
            return run(inputs)
        # v2 is there from the start; what comes later takes its time.
        if signature.version != "v2":
            time.sleep(0.5)
        return slow
    runtimes.load = load
"""
"""Models that take so long that they compute on the only thread there is."""


def test_versions_come_and_go_while_every_request_is_answered(start: Callable[..., Process], tmp_path: Path):
    folder = tmp_path / "models"
    times(2, folder / "times" / "v2")
    server = start(folder, before=SLOW, reload_seconds=0.05, threads=1, request_timeout_seconds=0.4)
    server.wait_for("/health/ready")

    default, own = "/v2/models/times/infer", "/v2/models/times/versions/v2/infer"
    with asked_all_the_time(server, default) as answers, asked_all_the_time(server, own) as olds:
        wait_until(lambda: len(answers) > 10)
        shutil.copytree(times(3, tmp_path / "v3"), folder / "times" / "v3")
        wait_until(lambda: answers[-1].json()["model_version"] == "v3")
        shutil.rmtree(folder / "times" / "v2")
        wait_until(lambda: olds[-1].status_code == 404)
        after = len(answers)
        wait_until(lambda: len(answers) > after + 10)

    assert {answer.status_code for answer in answers} == {200}
    told = {(one.json()["model_version"], *one.json()["outputs"][0]["data"]) for one in answers}
    assert told == {("v2", 2), ("v3", 3)}
    assert {answer.status_code for answer in olds} == {200, 404}


def test_a_link_to_an_artifact_is_followed_when_it_moves(tmp_path: Path, serve: Callable[..., Service]):
    link = tmp_path / "latest"
    link.symlink_to(times(2, tmp_path / "v2"))
    service = serve(link)
    client = Client(create_app(service))
    times(3, tmp_path / "v3")
    (tmp_path / "new").symlink_to("v3")
    (tmp_path / "new").replace(link)
    reload(service)

    assert ask(client, "times") == ("times", "v3", 3)
    assert client.get("/v2/models/times").json()["versions"] == ["v3"]


def test_a_version_that_is_gone_gives_its_memory_back_at_once(folder: Path, service: Service):
    old = weakref.ref(service.model("times", "v3"))
    gc.disable()
    try:
        shutil.rmtree(folder / "times" / "v3")
        reload(service)
        assert old() is None
    finally:
        gc.enable()


def test_the_watchdog_does_not_keep_a_removed_version_in_memory(folder: Path, service: Service):
    old = weakref.ref(service.model("times", "v3"))
    watchdog = Watchdog(service, call_soon=lambda *_: None)
    watchdog._poll_models()
    gc.disable()
    try:
        shutil.rmtree(folder / "times" / "v3")
        reload(service)
        watchdog._poll_models()
        assert old() is None
    finally:
        gc.enable()
