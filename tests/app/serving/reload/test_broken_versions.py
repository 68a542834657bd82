"""A version that cannot be loaded changes nothing of what is served."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.artifact import Artifact
from app.serving.service import Service
from tests.app.conftest import Client
from tests.app.serving.reload.conftest import reload, versions_of
from tests.app.versions import ask, times


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


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
    # These are the first compressed bytes of the first file, after its header and name.
    content[60:64] = b"\xff" * 4
    file.write_bytes(content)


BREAK = pytest.mark.parametrize("damage", [break_model, break_signature, break_sample, garble_sample])


@BREAK
def test_a_broken_version_is_logged_once_and_changes_nothing(
    damage: Callable, folder: Path, service: Service, client: Client, caplog: pytest.LogCaptureFixture
):
    damage(times(4, folder / "times" / "v4"))
    reload(service, 3)

    (error,) = errors(caplog)
    assert error.startswith("model not loaded; the models that are served stay: ")
    assert str(folder / "times" / "v4") in error
    assert ask(client, "times") == ("times", "v3", 3)
    assert ask(client, "tenfold") == ("tenfold", "v10", 10)
    assert "v4" not in client.get("/v2/models/times").json()["versions"]
    assert versions_of("model_ready", service) == {"v2", "v3", "v10"}


def test_a_version_that_could_not_be_loaded_is_retried_only_after_a_change(
    folder: Path, service: Service, monkeypatch: pytest.MonkeyPatch
):
    read_folders: list[Path] = []
    real = Artifact.read
    monkeypatch.setattr(Artifact, "read", lambda path: read_folders.append(path) or real(path))

    break_model(times(4, folder / "times" / "v4"))
    reload(service, 3)
    assert read_folders == [folder / "times" / "v4"]

    break_sample(folder / "times" / "v4")
    reload(service, 3)
    assert read_folders == [folder / "times" / "v4"] * 2


@BREAK
def test_a_broken_version_does_not_delay_others_and_is_served_once_it_is_complete(
    damage: Callable, folder: Path, service: Service, client: Client, caplog: pytest.LogCaptureFixture
):
    damage(times(5, folder / "times" / "v5"))
    times(4, folder / "times" / "v4")
    reload(service, 2)
    assert ask(client, "times") == ("times", "v4", 4)

    shutil.rmtree(folder / "times" / "v5")
    times(5, folder / "times" / "v5")
    reload(service)
    assert ask(client, "times") == ("times", "v5", 5)
    assert len(errors(caplog)) == 1


@BREAK
def test_a_version_whose_files_break_later_is_still_served(
    damage: Callable, folder: Path, service: Service, client: Client
):
    damage(folder / "times" / "v3")
    reload(service, 2)

    assert ask(client, "times") == ("times", "v3", 3)
