"""The program's Kubernetes objects as YAML, for review, GitOps, or a machine without the engine."""

from typing import Any

import yaml

from ops.program import Run

LEFT_OUT = "# Secret {namespace}/{name} is left out: only the engine can read what it holds.\n"


def to_yaml(run: Run) -> str:
    """Write a run's objects in the order in which they can be applied, without any Secret."""
    return "---\n".join(_document(one) for one in run.objects())


def _document(one: dict[str, Any]) -> str:
    if one["kind"] == "Secret":
        return LEFT_OUT.format(**one["metadata"])
    # As kubectl prints an object: what it is, then the rest by name.
    return "".join(
        yaml.safe_dump({key: one[key]}, width=110)
        for key in sorted(one, key=lambda key: (key not in {"apiVersion", "kind", "metadata"}, key))
    )
