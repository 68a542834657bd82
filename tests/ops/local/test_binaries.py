import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ops.errors import OperationError
from ops.local import binaries, images, kind, monitoring
from ops.stack import PROJECT
from tests.ops.conftest import Programs


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "PACKAGES", {"one": "the-one", "two": "the-two", "three": "the-three"})


TWO = ("alpha", "beta")


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two modules to build, and a cache for what is built."""
    for name, version in (("alpha", "1.9"), ("beta", "1.26.4")):
        folder = tmp_path / "go" / name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module {name}\n\ngo {version}\n")
        (folder / "go.sum").write_text("")
    monkeypatch.setattr(binaries, "MODULES", tmp_path / "go")
    monkeypatch.setattr(binaries, "CACHE", tmp_path / "cache")
    return tmp_path / "go"


@pytest.fixture
def go(only: Programs) -> Programs:
    only.add("go", (["GOVERSION"], "go1.26.4", 0))
    return only


def built(go: Programs) -> list[str]:
    return [Path(call["arguments"][1]).name for call in go.calls if "install" in call["arguments"]]


@pytest.mark.usefixtures("packages")
def test_only_what_is_missing_is_installed(only: Programs):
    only.add("two")
    only.add("apt-get")

    binaries.install_packages()

    assert only.lines == [
        "apt-get update",
        "apt-get install --yes --no-install-recommends the-one the-three",
    ]


@pytest.mark.usefixtures("packages")
def test_where_nothing_is_missing_apt_is_not_asked(only: Programs):
    for name in ("one", "two", "three", "apt-get"):
        only.add(name)

    binaries.install_packages()

    assert only.lines == []


@pytest.mark.usefixtures("packages", "only")
def test_without_apt_the_packages_are_named():
    with pytest.raises(OperationError, match=r"install these first .*: the-one, the-three, the-two"):
        binaries.install_packages()


@pytest.mark.usefixtures("modules", "only")
def test_without_go_it_is_told_which_to_install():
    with pytest.raises(OperationError, match=r"install Go 1\.26\.4 or later"):
        binaries.build(TWO)


@pytest.mark.usefixtures("modules")
def test_each_module_is_built_once(go: Programs):
    first = binaries.build(TWO)
    assert built(go) == ["alpha", "beta"]

    assert binaries.build(TWO) == first
    assert built(go) == ["alpha", "beta"]


def test_a_changed_module_is_built_anew_into_another_folder(go: Programs, modules: Path):
    first = binaries.build(TWO)
    (modules / "beta" / "go.sum").write_text("changed")

    assert binaries.build(TWO) != first
    assert built(go) == ["alpha", "beta"] * 2


@pytest.mark.usefixtures("modules")
def test_a_build_that_failed_is_tried_again_where_it_stopped(go: Programs):
    good = (["GOVERSION"], "go1.26.4", 0)
    go.add("go", good, (["install", str(binaries.MODULES / "beta")], "", 1))
    with pytest.raises(OperationError, match="exited with 1"):
        binaries.build(TWO)

    go.add("go", good)
    binaries.build(TWO)

    assert built(go) == ["alpha", "beta", "beta"]


@pytest.mark.usefixtures("modules")
def test_what_is_built_apart_leaves_the_others_as_they_are(go: Programs):
    first = binaries.build(["alpha"])
    apart = binaries.build(["beta"])

    assert apart != first
    assert binaries.build(["alpha"]) == first
    assert built(go) == ["alpha", "beta"]


@pytest.mark.usefixtures("modules")
def test_other_tags_are_another_build(go: Programs, monkeypatch: pytest.MonkeyPatch):
    whole = binaries.build(TWO)
    monkeypatch.setattr(binaries, "TAGS", {"beta": "small"})

    assert binaries.build(TWO) != whole

    tags = [call["arguments"][-2] for call in go.calls if "install" in call["arguments"]]
    assert tags == ["-tags=", "-tags=", "-tags=", "-tags=small"]


@pytest.mark.usefixtures("modules")
def test_sources_are_of_the_version_that_a_module_pins(only: Programs):
    only.add("go", (["download", "example.com/one"], '{"Version": "v1.2.3", "Dir": "/cache/one@v1.2.3"}', 0))

    assert binaries.sources("beta", "example.com/one") == Path("/cache/one@v1.2.3")
    assert only.calls[0]["arguments"][:2] == ["-C", str(binaries.MODULES / "beta")]


def test_a_cluster_without_monitoring_builds_none_of_it():
    modules = {path.parent.name for path in binaries.MODULES.glob("*/go.mod")}

    assert modules - set(binaries.BASE) == set(monitoring.IMAGES)


def pinned(module: str, package: str) -> str:
    """The version of a package in a module's go.mod."""
    text = (binaries.MODULES / module / "go.mod").read_text()
    found = re.search(rf"^\s(?:require )?{re.escape(package)} (v\S+)", text, re.MULTILINE)
    assert found is not None
    return found[1]


def test_every_cluster_is_of_the_kubernetes_that_is_pinned():
    assert pinned("kubernetes", "k8s.io/kubernetes") == binaries.KUBERNETES
    assert kind.NODE_IMAGE.endswith(f":{binaries.KUBERNETES}")


def test_every_metrics_server_is_the_one_that_is_pinned():
    version = pinned("metrics-server", "sigs.k8s.io/metrics-server")
    manifests = (PROJECT / "ops/local/manifests/metrics-server.yaml").read_text()
    (deployment,) = [one for one in yaml.safe_load_all(manifests) if one["kind"] == "Deployment"]

    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert container["image"] == images.METRICS_SERVER
    assert images.METRICS_SERVER.endswith(f":{version}")
    assert f"/{version}/" in kind.METRICS_SERVER


def images_of(manifest: Path) -> Iterator[str]:
    text = manifest.read_text()
    yield from re.findall(r"(?:image: |-config-reloader=)(\S+)", text)


def test_every_image_of_the_manifests_is_one_that_is_pushed():
    pushed = {image for programs in monitoring.IMAGES.values() for image in programs.values()}
    named = {
        image
        for manifest in (PROJECT / "ops/local/manifests").glob("*.yaml")
        for image in images_of(manifest)
    }

    assert named == {*pushed, images.METRICS_SERVER}


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("prometheus-operator", "github.com/prometheus-operator/prometheus-operator"),
        ("prometheus", "github.com/prometheus/prometheus"),
        ("kube-state-metrics", "k8s.io/kube-state-metrics/v2"),
        ("keda", "github.com/kedacore/keda/v2"),
    ],
)
def test_every_image_has_the_version_that_is_pinned(module: str, package: str):
    version = pinned(module, package)
    if module == "prometheus":
        # Its Go module's v0.313.5 is release 3.13.5.
        version = re.sub(r"v0\.(\d)(\d\d)\.", r"v\1.\2.", version)

    for image in monitoring.IMAGES[module].values():
        assert f"v{image.rpartition(':')[2].removeprefix('v')}" == version


def test_the_readme_names_the_go_that_the_modules_ask_for():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        with pytest.raises(OperationError) as refusal:
            binaries.build([path.parent.name for path in binaries.MODULES.glob("*/go.mod")])

    (needed,) = re.findall(r"Go \S+ or later", str(refusal.value))
    assert needed in (PROJECT / "README.md").read_text()
