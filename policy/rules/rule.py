"""A rule, and the place where one is broken."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .resource import Resource

Check = Callable[[Resource], Iterable[str]]
"""Takes a resource, and yields what is wrong with it and how it is mended."""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A place where a rule is broken."""

    resource: Resource
    message: str


StackCheck = Callable[[Sequence[Resource]], Iterable[Broken]]
"""Takes the resources of a stack, and yields the places where the rule is broken."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule that is judged by each resource alone."""

    name: str
    description: str
    check: Check

    def broken(self, resources: Sequence[Resource]) -> Iterable[Broken]:
        """Yield the places where resources break the rule."""
        for resource in resources:
            for message in self.check(resource):
                yield Broken(resource=resource, message=message)


@dataclass(frozen=True, kw_only=True)
class StackRule:
    """A rule that is judged by the resources of a stack together."""

    name: str
    description: str
    broken: StackCheck
