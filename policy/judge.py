"""Judge Kubernetes objects by the rules, without Pulumi: `python -m ops render | python -m policy.judge`."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from .rules import RULES, STACK_RULES, is_production
from .rules.resource import Resource, part


def main() -> int:
    """Read a stream of YAML, print each broken rule, and return 1 if the stack is in production.

    Input without any object returns 1 as well: the program before this one may have failed.
    """
    parser = argparse.ArgumentParser(prog="python -m policy.judge", description=__doc__)
    parser.add_argument("--stack", default="prod", help="the stack of the objects (%(default)s)")
    options = parser.parse_args()
    resources = [*read(yaml.safe_load_all(sys.stdin))]
    if not resources:
        sys.stderr.write("error: no Kubernetes object on stdin\n")
        return 1
    found = [*judged(resources)]
    for line in found:
        sys.stdout.write(f"{line}\n")
    if not found:
        sys.stdout.write(f"{len(resources)} objects keep all {len(RULES) + len(STACK_RULES)} rules\n")
    elif not is_production(options.stack):
        sys.stdout.write(f"advice only, because {options.stack} is not in production\n")
    return 1 if found and is_production(options.stack) else 0


def read(documents: Iterable[Any]) -> Iterator[Resource]:
    """Yield the Kubernetes objects of YAML documents, also those in a List, as kubectl prints them."""
    for document in documents:
        match document:
            case {"kind": "List", "items": [*items]}:
                yield from read(items)
            case {"apiVersion": _, "kind": _}:
                yield Resource(name=part(document, "metadata").get("name", ""), properties=document)
            case _:
                pass


def judged(resources: list[Resource]) -> Iterator[str]:
    """Yield a line for each place where a rule is broken: the rule, the object, and how it is mended."""
    for rule in (*RULES, *STACK_RULES):
        for broken in rule.broken(resources):
            yield f"{rule.name}: {broken.resource.title}: {broken.message}"


if __name__ == "__main__":
    sys.exit(main())
