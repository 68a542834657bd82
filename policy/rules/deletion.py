"""The rule for deletion protection: clusters and registries hold data that nobody can make anew."""

from collections.abc import Callable, Iterator, Mapping

from .resource import Properties, Resource


def _has_eks_protection(properties: Properties) -> bool:
    return properties.get("deletionProtection") is True


def _has_gke_protection(properties: Properties) -> bool:
    # The provider protects a cluster unless it is told otherwise.
    return properties.get("deletionProtection", True) is True


def _keeps_images(properties: Properties) -> bool:
    # Amazon refuses to delete a repository with images, unless it is forced to.
    return not properties.get("forceDelete")


def _has_none(_: Properties) -> bool:
    return False


PROTECTED: Mapping[str, tuple[Callable[[Properties], bool], str]] = {
    "aws:eks/cluster:Cluster": (_has_eks_protection, "set deletionProtection to true"),
    "gcp:container/cluster:Cluster": (_has_gke_protection, "set deletionProtection to true"),
    "azure-native:containerservice:ManagedCluster": (_has_none, "give it the option protect"),
    "aws:ecr/repository:Repository": (_keeps_images, "set forceDelete to false"),
    "gcp:artifactregistry/repository:Repository": (_has_none, "give it the option protect"),
    "azure-native:containerregistry:Registry": (_has_none, "give it the option protect"),
}
"""By the type of a resource: whether its cloud protects it, and what is to be done otherwise."""


def deletion_protection(resource: Resource) -> Iterator[str]:
    """Find clusters and registries that are deleted with everything in them, without a further question."""
    if resource.is_protected or resource.type not in PROTECTED:
        return
    is_protected, mend = PROTECTED[resource.type]
    if not is_protected(resource.properties):
        yield f"it can be deleted with everything in it: {mend}"
