"""The Service: who may connect to its load balancer, and by which version of IP."""

from typing import Any

import pytest

from infra.clouds import CLOUDS
from ops.errors import OperationError
from tests.infra.conftest import CLOUD_CONFIG, Declare


def test_a_load_balancer_takes_connections_only_from_the_source_ranges(declare_exposed: Declare):
    ranges = ["203.0.113.0/24", "2001:db8::/32"]

    assert declare_exposed(sourceRanges=ranges)["Service"]["spec"]["loadBalancerSourceRanges"] == ranges
    assert "loadBalancerSourceRanges" not in declare_exposed()["Service"]["spec"]


@pytest.mark.parametrize("cloud", CLOUD_CONFIG)
def test_each_cloud_has_its_annotation_for_an_internal_load_balancer(declare_exposed: Declare, cloud: str):
    theirs = CLOUDS[cloud].internal_load_balancer
    config = {**CLOUD_CONFIG[cloud], "clusterName": "group/theirs" if cloud == "aks" else "theirs"}

    internal = declare_exposed(config, internal=True, serviceAnnotations={"a": "b"})["Service"]["metadata"]
    public = declare_exposed(config)["Service"]["metadata"]

    assert internal["annotations"] == {**theirs, "a": "b"}
    assert len(theirs) > 0
    assert "annotations" not in public


@pytest.mark.parametrize("cluster", ["local", "kubeconfig"])
def test_an_internal_load_balancer_is_refused_where_its_annotation_is_not_known(
    declare_exposed: Declare, cluster: str
):
    with pytest.raises(
        OperationError, match=r"slipway:exposure\.internal: true: false, unless cluster is gke"
    ):
        declare_exposed({"cluster": cluster}, internal=True)


@pytest.mark.parametrize(
    ("families", "policy"), [(["IPv6"], "SingleStack"), (["IPv6", "IPv4"], "RequireDualStack")]
)
def test_the_service_has_the_versions_of_ip_in_their_order(
    declare_exposed: Declare, families: list[str], policy: str
):
    spec = declare_exposed(ipFamilies=families)["Service"]["spec"]

    assert spec["ipFamilies"] == families
    assert spec["ipFamilyPolicy"] == policy


def test_without_versions_of_ip_the_cluster_decides(declare_exposed: Declare):
    spec: dict[str, Any] = declare_exposed()["Service"]["spec"]

    assert not {"ipFamilies", "ipFamilyPolicy"} & spec.keys()
