import pytest

from policy.rules.deletion import PROTECTED, deletion_protection
from policy.rules.resource import Resource

EKS, GKE = "aws:eks/cluster:Cluster", "gcp:container/cluster:Cluster"
AKS, ECR = "azure-native:containerservice:ManagedCluster", "aws:ecr/repository:Repository"


def broken(kind: str, *, protect: bool = False, **properties: object) -> list[str]:
    return [
        *deletion_protection(Resource(type=kind, name="cluster", properties=properties, is_protected=protect))
    ]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        (EKS, {"deletionProtection": True}),
        (GKE, {"deletionProtection": True}),
        # The provider's own default.
        (GKE, {}),
        (ECR, {"forceDelete": False}),
        (ECR, {}),
        ("aws:s3/bucket:Bucket", {}),
    ],
)
def test_what_is_protected_keeps_the_rule(kind: str, properties: dict[str, bool]):
    assert not broken(kind, **properties)


@pytest.mark.parametrize(
    ("kind", "properties", "mend"),
    [
        (EKS, {"deletionProtection": False}, "set deletionProtection to true"),
        (EKS, {}, "set deletionProtection to true"),
        (GKE, {"deletionProtection": False}, "set deletionProtection to true"),
        (ECR, {"forceDelete": True}, "set forceDelete to false"),
        (AKS, {}, "give it the option protect"),
    ],
)
def test_what_is_not_protected_is_found_with_the_way_to_mend_it(
    kind: str, properties: dict[str, bool], mend: str
):
    (message,) = broken(kind, **properties)

    assert message == f"it can be deleted with everything in it: {mend}"


@pytest.mark.parametrize("kind", PROTECTED)
def test_the_engines_own_protection_is_enough(kind: str):
    assert not broken(kind, protect=True, deletionProtection=False, forceDelete=True)
