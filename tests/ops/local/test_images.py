from dataclasses import replace
from pathlib import Path

import pytest

from ops.local import images
from ops.stack import Stack


class Store:
    """Stands for the registry and for buildx."""

    def __init__(self) -> None:
        self.holds = False
        self.builds: list[str] = []
        self.pruned: list[str] = []

    def answers(self, path: str) -> bool:
        assert path == "/v2/tool/manifests/1"
        return self.holds

    def buildx(self, command: list[str], *, stdin: str = "") -> str:
        verb = command[1]
        if verb == "prune":
            self.pruned += [word for word in map(str, command) if word.startswith("--filter")]
            return ""
        assert verb == "build"
        self.builds.append(stdin)
        self.holds = True
        return ""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    new = Store()
    monkeypatch.setattr(images, "CACHE", tmp_path)
    monkeypatch.setattr(images.debian, "ARCHIVE", tmp_path / "debian.tar")
    monkeypatch.setattr(images, "_answers", new.answers)
    monkeypatch.setattr(images, "output_of", new.buildx)
    return new


@pytest.fixture
def recipe(tmp_path: Path) -> images._Recipe:
    return images._Recipe(image=f"{images.REGISTRY}/tool:1", dockerfile="FROM scratch\n", context=tmp_path)


def test_an_image_in_the_registry_is_not_built_again(store: Store, recipe: images._Recipe, tmp_path: Path):
    images._ensure(recipe, tmp_path)
    images._ensure(recipe, tmp_path)

    assert store.builds == [recipe.dockerfile]


def test_an_image_that_the_registry_lost_is_built_again(store: Store, recipe: images._Recipe, tmp_path: Path):
    images._ensure(recipe, tmp_path)
    store.holds = False
    images._ensure(recipe, tmp_path)

    assert len(store.builds) == 2


@pytest.mark.parametrize("change", [{"dockerfile": "FROM scratch\nUSER 1\n"}, {"depends_on": "new tools"}])
def test_a_changed_recipe_is_built_again(
    store: Store, recipe: images._Recipe, tmp_path: Path, change: dict[str, str]
):
    images._ensure(recipe, tmp_path)
    images._ensure(replace(recipe, **change), tmp_path)

    assert len(store.builds) == 2


def test_a_program_of_another_build_is_pushed_again(store: Store, tmp_path: Path):
    for build in ("old", "old", "new"):
        images.push_program(f"{images.REGISTRY}/tool:1", tmp_path / build / "tool", tmp_path)

    assert len(store.builds) == 2
    assert 'ENTRYPOINT ["/bin/tool"]' in store.builds[0]


def test_the_build_image_has_the_wheels_of_pip_find_links(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wheels, state, programs = tmp_path / "wheels", tmp_path / "state", tmp_path / "bin"
    for folder in (wheels, state, programs):
        folder.mkdir()
    other = "torch-1-cp39-cp39-manylinux_2_28_x86_64.whl"
    for name in ("torch-1-py3-none-any.whl", other):
        (wheels / name).touch()
    monkeypatch.setattr(images, "STATE", state)
    for name in ("BUSYBOX", "CERTIFICATES"):
        file = tmp_path / name
        file.touch()
        monkeypatch.setattr(images, name, file)
    monkeypatch.setattr(images, "_answers", lambda _: False)
    monkeypatch.setattr(images.debian, "bootstrap", lambda: None)
    monkeypatch.setenv("PIP_FIND_LINKS", f"https://example.com/wheels {wheels}")

    images.build_images(programs)

    (build_image,) = [item for item in store.builds if "python3-pip" in item]
    assert "COPY torch-1-py3-none-any.whl /wheels/\n" in build_image
    assert "ENV PIP_FIND_LINKS=/wheels\n" in build_image
    assert (state / "context" / "torch-1-py3-none-any.whl").exists()
    # Of another Python than the image's.
    assert other not in build_image


def test_the_archive_of_the_base_image_is_removed_after_its_push(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    archive = tmp_path / "debian.tar"
    monkeypatch.setattr(images, "_answers", lambda _: store.holds)
    monkeypatch.setattr(images.debian, "bootstrap", archive.touch)
    assert not images.has_base_image()

    images._ensure(images._base(), tmp_path)

    assert store.builds == ["FROM scratch\nADD debian.tar /\n"]
    assert images.has_base_image()
    assert not archive.exists()
    assert store.pruned == ["--filter=type=source.local"]


@pytest.mark.parametrize("name", ["dev", "watched"])
def test_the_base_images_of_the_local_stacks_are_in_the_local_registry(name: str):
    stack = Stack.read(name)

    assert stack.config[f"{stack.project}:buildImage"] == images.BUILD_IMAGE
    assert stack.config[f"{stack.project}:runtimeImage"] == images.RUNTIME_IMAGE
