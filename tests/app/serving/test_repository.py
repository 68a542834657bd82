"""Which models are found below a path, and which of them answers at which URL."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.serving.repository import Repository
from app.serving.service import Service
from app.signature import ArtifactError
from tests.app.conftest import Client
from tests.app.versions import age, ask, write_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_models(tmp_path / "models")


def test_an_artifact_folder_is_a_repository_with_one_model(folder: Path):
    artifact = folder / "times" / "v2"

    found = Repository.scan(artifact)

    assert found.artifacts == {("times", "v2"): artifact}
    assert found.defaults(found.artifacts) == {"times": "v2"}


def test_the_newest_version_is_the_default(folder: Path):
    found = Repository.scan(folder)

    assert list(found.artifacts) == [("times", "v2"), ("times", "v3"), ("tenfold", "v10")]
    assert found.defaults(found.artifacts) == {"times": "v3", "tenfold": "v10"}
    age(folder / "times" / "v3", 200)
    found = Repository.scan(folder)
    assert found.defaults(found.artifacts)["times"] == "v2"


def test_a_version_that_is_not_the_declared_one_is_refused(folder: Path):
    artifact = folder / "times" / "v2"

    assert Repository.scan(artifact, version="v2").artifacts == {("times", "v2"): artifact}
    found = Repository.scan(artifact, version="v3")
    assert found.artifacts == {}
    assert str(found.errors[artifact]) == f"{artifact}: version v2, not v3, as is declared"


def test_a_server_does_not_start_with_another_version(folder: Path, serve: Callable[..., Service]):
    with pytest.raises(ArtifactError, match="version v2, not v3, as is declared"):
        serve(folder / "times" / "v2", model_version="v3")


def test_the_link_latest_selects_the_default_version(folder: Path):
    (folder / "times" / "latest").symlink_to("v2")

    alias = folder.with_name("alias")
    alias.symlink_to(folder)

    for path in (folder, alias):
        found = Repository.scan(path)

        assert len(found.artifacts) == 3
        assert found.defaults(found.artifacts)["times"] == "v2"


def test_a_link_to_a_version_that_is_not_served_is_ignored(folder: Path):
    (folder / "times" / "latest").symlink_to("v4")
    found = Repository.scan(folder)
    assert found.defaults(found.artifacts)["times"] == "v3"

    (folder / "times" / "latest").unlink()
    (folder / "times" / "latest").symlink_to("v2")
    found = Repository.scan(folder)
    assert found.defaults([("times", "v3")]) == {"times": "v3"}


@pytest.mark.parametrize("path", ["nothing", "."])
def test_the_error_for_a_path_without_an_artifact_names_the_setting(
    tmp_path: Path, path: str, serve: Callable[..., Service]
):
    with pytest.raises(ArtifactError, match=f"{tmp_path / path}.*SLIPWAY_MODEL_PATH"):
        serve(tmp_path / path)


def test_a_server_does_not_start_with_a_broken_artifact(folder: Path, serve: Callable[..., Service]):
    (folder / "times" / "v2" / "signature.json").write_text("{}")

    with pytest.raises(ArtifactError, match=r"times/v2/signature\.json: name: "):
        serve(folder)


def test_each_version_answers_at_its_own_path(folder: Path, client_of: Callable[..., Client]):
    client = client_of(folder)

    assert ask(client, "times") == ("times", "v3", 3)
    assert ask(client, "times/versions/v2") == ("times", "v2", 2)
    assert ask(client, "times/versions/v3") == ("times", "v3", 3)
    assert ask(client, "tenfold") == ("tenfold", "v10", 10)
    assert client.get("/v2/models/times").json()["versions"] == ["v2", "v3"]
    # The model of /predict is the first by name.
    assert client.predict(b"[1]").json()["model_name"] == "tenfold"
