"""Versions of models come and go while they are served."""

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.http.api import create_app
from app.serving.service import Service
from tests.app.conftest import Client
from tests.app.process import Process
from tests.app.serving.reload.conftest import reload, versions_of
from tests.app.versions import BODY, ask, times


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


def test_moving_the_link_changes_the_default_version(folder: Path, service: Service, client: Client):
    (folder / "times" / "latest").symlink_to("v2")
    reload(service)

    assert ask(client, "times") == ("times", "v2", 2)


def test_a_removed_version_is_unknown_and_the_newest_of_the_others_takes_over(
    folder: Path, service: Service, client: Client
):
    shutil.rmtree(folder / "times" / "v3")
    reload(service)

    response = client.request("POST", "/v2/models/times/versions/v3/infer", content=BODY)
    assert response.status_code == 404
    assert "times/v2" in response.json()["detail"]
    assert ask(client, "times") == ("times", "v2", 2)
    assert versions_of("model_ready", service) == {"v2", "v10"}


def test_the_last_model_is_still_served_after_its_folder_is_removed(
    folder: Path, service: Service, client: Client
):
    shutil.rmtree(folder)
    reload(service)

    assert ask(client, "times") == ("times", "v3", 3)
    times(5, folder / "times" / "v5")
    reload(service)
    assert ask(client, "times") == ("times", "v5", 5)


def test_a_version_that_returns_before_the_old_one_has_drained_keeps_its_metrics(
    folder: Path, service: Service
):
    async def away_and_back() -> None:
        old = service.model("times", "v3")
        # This stands for a request that the old model has accepted.
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


@contextmanager
def requests_in_a_loop(server: Process, path: str) -> Generator[list[httpx.Response]]:
    """Send requests from two clients in a loop; each answer is added to the list."""
    answers: list[httpx.Response] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url) as client:
            while not done.is_set():
                answers.append(client.post(path, content=BODY))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        done.set()
        for thread in threads:
            thread.join()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
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
        # v2 is loaded at the start; every later version takes half a second to load.
        if signature.version != "v2":
            time.sleep(0.5)
        return slow
    runtimes.load = load
"""
"""Makes each model so slow that it computes on a thread, of which the server has only one."""


def test_every_request_is_answered_while_versions_come_and_go(start: Callable[..., Process], tmp_path: Path):
    folder = tmp_path / "models"
    times(2, folder / "times" / "v2")
    server = start(folder, before=SLOW, reload_seconds=0.05, threads=1, request_timeout_seconds=0.4)
    server.wait_for("/health/ready")

    default, own = "/v2/models/times/infer", "/v2/models/times/versions/v2/infer"
    with requests_in_a_loop(server, default) as answers, requests_in_a_loop(server, own) as old_answers:
        wait_until(lambda: len(answers) > 10)
        shutil.copytree(times(3, tmp_path / "v3"), folder / "times" / "v3")
        wait_until(lambda: answers[-1].json()["model_version"] == "v3")
        shutil.rmtree(folder / "times" / "v2")
        wait_until(lambda: old_answers[-1].status_code == 404)
        after = len(answers)
        wait_until(lambda: len(answers) > after + 10)

    assert {answer.status_code for answer in answers} == {200}
    outputs = {(answer.json()["model_version"], *answer.json()["outputs"][0]["data"]) for answer in answers}
    assert outputs == {("v2", 2), ("v3", 3)}
    assert {answer.status_code for answer in old_answers} == {200, 404}


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
