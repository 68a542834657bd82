"""Pods run only on nodes of the platform that their image is built for."""

import pytest

from tests.conftest import StackOf
from tests.infra.conftest import CLOUD_CONFIG, Declare
from tests.parsing import problems


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_pods_are_scheduled_on_nodes_of_their_images_architecture(declare: Declare, architecture: str):
    spec = declare(platform=f"linux/{architecture}")["Deployment"]["spec"]["template"]["spec"]

    # https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-arch
    assert spec["nodeSelector"] == {"kubernetes.io/arch": architecture}


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
def test_an_image_that_no_created_node_can_run_is_refused(stack_of: StackOf, cloud: str):
    said = "'linux/arm64': linux/amd64, for the nodes of a cluster that is created here are of this platform"

    assert problems(stack_of(**CLOUD_CONFIG[cloud], platform="linux/arm64")) == [("platform", said)]
    name = {"clusterName": "group/theirs" if cloud == "aks" else "theirs"}
    assert problems(stack_of(**CLOUD_CONFIG[cloud], **name, platform="linux/arm64")) == []
