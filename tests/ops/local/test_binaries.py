import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ops.errors import OperationError
from ops.local import binaries, door, images, kind, monitoring, toolchain
from ops.stack import PROJECT
from tests.ops.conftest import Programs

GO = """#!{python}
import json, os, sys
arguments = sys.argv[1:]
if "GOVERSION" in arguments:
    print("go1.26.8")
    sys.exit()
with open({log!r}, "a") as log:
    log.write(json.dumps({{"arguments": arguments, "env": dict(os.environ)}}) + "\\n")
for cache in ("GOMODCACHE", "GOCACHE"):
    os.makedirs(os.environ[cache], exist_ok=True)
if "install" in arguments:
    os.makedirs(os.environ["GOBIN"], exist_ok=True)
    open(os.path.join(os.environ["GOBIN"], "tool"), "w").close()
    sys.exit(os.path.exists({broken!r}))
source = os.path.join(os.environ["GOMODCACHE"], "source")
os.makedirs(os.path.join(source, "config", "crd"))
print(json.dumps({{"Dir": source}}))
"""


class Go:
    """A fake Go that records its calls, builds an empty tool, and has a source to download."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._log = folder / "go.jsonl"
        self.broken = folder / "broken"
        """While this file is there, a build fails."""
        text = GO.format(python=sys.executable, log=str(self._log), broken=str(self.broken))
        (programs / "go").write_text(text)
        (programs / "go").chmod(0o755)

    @property
    def calls(self) -> list[dict]:
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []

    @property
    def built(self) -> list[str]:
        return [Path(call["arguments"][1]).name for call in self.calls if "install" in call["arguments"]]


@pytest.fixture
def go(tmp_path: Path, only: Programs, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Two modules to build, and a cache for what is built."""
    for name in ("alpha", "beta"):
        folder = tmp_path / "go" / name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module {name}\n\ngo 1.25\n")
        (folder / "go.sum").write_text("")
    monkeypatch.setattr(binaries, "MODULES", tmp_path / "go")
    monkeypatch.setattr(binaries, "CACHE", tmp_path / "cache")
    return Go(tmp_path, only.folder)


def caches() -> list[str]:
    """The caches of Go that are left."""
    return sorted(path.name for path in (binaries.CACHE / "go-caches").glob("*"))


def test_every_module_is_built_once_into_its_own_folder(go: Go):
    first = binaries.build("alpha", "beta")
    again = binaries.build("alpha", "beta")

    assert again == first
    assert go.built == ["alpha", "beta"]
    assert [folder.parent for folder in first] == [binaries.CACHE / "bin"] * 2
    assert all((folder / "tool").exists() for folder in first)


def test_only_a_changed_module_is_built_again(go: Go):
    alpha, beta = binaries.build("alpha", "beta")
    (binaries.MODULES / "beta" / "tool.go").write_text("package tool")

    assert binaries.build("alpha", "beta")[0] == alpha
    assert binaries.build("alpha", "beta")[1] != beta
    assert go.built == ["alpha", "beta", "beta"]


def test_the_caches_of_go_are_removed_after_the_build(go: Go):
    binaries.build("alpha", "beta")

    folders = {(call["env"]["GOMODCACHE"], call["env"]["GOCACHE"]) for call in go.calls}
    own = binaries.CACHE / "go-caches"
    assert folders == {(str(own / "modules"), str(own / "builds"))}
    assert caches() == []


def test_a_failed_build_leaves_no_program_but_keeps_the_caches(go: Go):
    go.broken.touch()
    with pytest.raises(OperationError, match="exited with 1"):
        binaries.build("alpha")

    assert list((binaries.CACHE / "bin").iterdir()) == []
    assert caches() == ["builds", "modules"]

    go.broken.unlink()
    (folder,) = binaries.build("alpha")

    assert (folder / "tool").exists()
    assert caches() == []


def test_the_remains_of_a_killed_build_are_not_used(go: Go):
    draft = binaries.folder_of("alpha").with_name(f"{binaries.folder_of('alpha').name}.draft")
    draft.mkdir(parents=True)
    (draft / "half-linked").touch()

    (folder,) = binaries.build("alpha")

    assert [path.name for path in folder.iterdir()] == ["tool"]
    assert not draft.exists()
    assert go.built == ["alpha"]


@pytest.mark.usefixtures("go")
def test_the_folder_of_a_module_does_not_depend_on_the_installed_go(only: Programs):
    (folder,) = binaries.build("alpha")
    (only.folder / "go").unlink()

    assert binaries.build("alpha") == [folder]


def test_a_change_of_flags_builds_again(go: Go, monkeypatch: pytest.MonkeyPatch):
    whole = binaries.build("alpha", "beta")
    monkeypatch.setattr(binaries, "FLAGS", {"beta": ("-tags=small",)})

    assert binaries.build("alpha", "beta")[0] == whole[0]
    assert binaries.build("alpha", "beta")[1] != whole[1]
    assert ["-tags=small" in call["arguments"] for call in go.calls] == [False, False, True]


@pytest.mark.usefixtures("go")
def test_the_cluster_has_every_program_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(binaries, "CLUSTER", "alpha")

    (folder,) = binaries.build("alpha")

    links = {path.name: str(path.readlink()) for path in folder.iterdir() if path.is_symlink()}
    assert links == dict.fromkeys(binaries.PROGRAMS, "kubernetes")


def test_the_linked_programs_are_those_that_the_program_kubernetes_knows():
    main = (binaries.MODULES / binaries.CLUSTER / "kubernetes" / "main.go").read_text()

    assert tuple(sorted(re.findall(r'case "([^"]+)":', main))) == binaries.PROGRAMS


def test_sources_are_copied_once_and_the_download_is_removed(go: Go):
    first = binaries.sources("beta", "example.com/one", "config/crd")
    again = binaries.sources("beta", "example.com/one", "config/crd")

    assert first == again
    assert first.is_dir()
    (call,) = go.calls
    assert call["arguments"][:2] == ["-C", str(binaries.MODULES / "beta")]
    assert call["arguments"][-1] == "example.com/one"
    assert caches() == []


def test_the_go_that_is_installed_is_new_enough_for_every_module():
    modules = [path.parent.name for path in binaries.MODULES.glob("*/go.mod")]

    assert max(map(binaries.least_go, modules)) <= toolchain.numbers(toolchain.GO)


def test_a_cluster_alone_builds_none_of_what_may_be_added():
    modules = {path.parent.name for path in binaries.MODULES.glob("*/go.mod")}

    assert modules - {binaries.CLUSTER} == {*monitoring.IMAGES, door.MODULE, *binaries.CHECKERS}


def pinned(module: str, package: str) -> str:
    """The version of a package in a module's go.mod."""
    text = (binaries.MODULES / module / "go.mod").read_text()
    found = re.search(rf"^\s(?:require )?{re.escape(package)} (v\S+)", text, re.MULTILINE)
    assert found is not None
    return found[1]


def test_every_cluster_has_the_pinned_version_of_kubernetes():
    assert pinned("cluster", "k8s.io/kubernetes") == binaries.KUBERNETES
    # kind has node images of some patch releases only.
    minor = binaries.KUBERNETES.rpartition(".")[0]
    assert kind.NODE_IMAGE.startswith(f"kindest/node:{minor}.")


def test_every_metrics_server_has_the_pinned_version():
    version = pinned("cluster", "sigs.k8s.io/metrics-server")
    manifests = (PROJECT / "ops/local/manifests/metrics-server.yaml").read_text()
    (deployment,) = [item for item in yaml.safe_load_all(manifests) if item["kind"] == "Deployment"]

    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert container["image"] == images.METRICS_SERVER
    assert images.METRICS_SERVER.endswith(f":{version}")
    assert kind.IMAGES[images.METRICS_SERVER].endswith(f":{version}")


def images_of(manifest: Path) -> Iterator[str]:
    text = manifest.read_text()
    yield from re.findall(r"(?:image: |-config-reloader=)(\S+)", text)


def test_every_image_in_the_manifests_is_pushed():
    monitors = {image for programs in monitoring.IMAGES.values() for image in programs.values()}
    named = {
        image
        for manifest in (PROJECT / "ops/local/manifests").glob("*.yaml")
        for image in images_of(manifest)
    }

    assert named == {*monitors, *door.IMAGES.values(), images.METRICS_SERVER}


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("traefik", "github.com/traefik/traefik/v3"),
        ("controller", "github.com/cert-manager/cert-manager"),
    ],
)
def test_the_images_of_the_door_have_the_pinned_versions(program: str, package: str):
    assert door.IMAGES[program].rpartition(":")[2] == pinned(door.MODULE, package)


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("prometheus-operator", "github.com/prometheus-operator/prometheus-operator"),
        ("prometheus", "github.com/prometheus/prometheus"),
        ("alertmanager", "github.com/prometheus/alertmanager"),
        ("kube-state-metrics", "k8s.io/kube-state-metrics/v2"),
        ("keda", "github.com/kedacore/keda/v2"),
    ],
)
def test_every_image_has_the_pinned_version(module: str, package: str):
    version = pinned(module, package)
    if module == "prometheus":
        # Its Go module's v0.313.5 is release 3.13.5.
        version = re.sub(r"v0\.(\d)(\d\d)\.", r"v\1.\2.", version)

    for image in monitoring.IMAGES[module].values():
        assert f"v{image.rpartition(':')[2].removeprefix('v')}" == version
