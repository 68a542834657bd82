"""The tables of clouds and registries, and what a new row needs."""

from typing import Self

import pulumi
import pytest

from infra.clouds import CLOUDS
from infra.clouds.cluster import CloudCluster, GpuNodes
from infra.registries import KINDS
from infra.registries.repository import ImageRepository
from infra.sdk import Sdk, SdkClass
from infra.settings import cluster as cluster_settings
from infra.settings.cloud import NewCluster
from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, GPU, require_sdks
from tests.parsing import problems


class SmallCloud(CloudCluster):
    """A cloud without GPU nodes: as much as a new file must hold."""

    @classmethod
    def find(cls, name: str) -> Self:
        return cls(name=name, kubeconfig=pulumi.Output.from_input("kind: Config"), identifier=name)

    @classmethod
    def create(cls, name: str, new: NewCluster, opts: pulumi.ResourceOptions) -> Self:  # noqa: ARG003
        return cls.find(name)


@pytest.mark.parametrize("name", CLOUDS)
def test_a_row_with_gpu_support_names_a_class_that_creates_gpu_nodes(name: str):
    cloud = CLOUDS[name]
    require_sdks(cloud.cluster.sdk.package)

    cluster = cloud.cluster.load(CloudCluster)

    assert (cluster.gpu_nodes is not CloudCluster.gpu_nodes) is (cloud.gpu is not None)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.repository], ids=lambda kind: kind.form)
def test_a_registry_that_creates_repositories_names_an_existing_class(kind):
    require_sdks(kind.repository.sdk.package)

    assert issubclass(kind.repository.load(ImageRepository), ImageRepository)


def test_a_class_of_the_wrong_kind_is_an_error():
    path = SdkClass(path="json:JSONDecoder", sdk=Sdk(extra="gke", package="pulumi_gcp"))

    with pytest.raises(TypeError, match="json:JSONDecoder is not a CloudCluster"):
        path.load(CloudCluster)


def test_a_cloud_without_gpu_nodes_says_what_to_do_instead():
    nodes = GpuNodes(
        machine_type=None,
        accelerator=None,
        zones=(),
        min_nodes=0,
        max_nodes=1,
        is_spot=False,
        labels={},
        taints=[],
    )
    found = SmallCloud(name="x", kubeconfig=None, identifier="x")  # type: ignore[arg-type]

    with pytest.raises(pulumi.RunError, match=r"in a SmallCloud: set `device` to cpu, or `cluster` to"):
        found.gpu_nodes("gpu", nodes, pulumi.ResourceOptions())


def test_the_settings_refuse_a_gpu_in_a_cloud_without_gpu_nodes(
    stack_of: StackOf, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster_settings, "GPU_CLUSTERS", ("kubeconfig",))

    assert problems(stack_of(**CLOUD_CONFIG["gke"], **GPU)) == [("device", "'gpu': cpu, for cluster is gke")]


@pytest.mark.parametrize(
    ("cloud", "name", "is_accepted"),
    [("gke", "theirs", True), ("gke", "a/b", False), ("aks", "group/theirs", True), ("aks", "x", False)],
)
def test_a_cluster_name_has_the_form_of_its_cloud(cloud: str, name: str, is_accepted: bool):
    assert CLOUDS[cloud].accepts_cluster_name(name) is is_accepted
