"""The program's Kubernetes objects as YAML, for review, GitOps, or a machine without the engine."""

from collections.abc import Mapping
from textwrap import indent
from typing import Any

import yaml

from ops.helm import Release
from ops.program import Declared, Run

WIDTH = 110

LEFT_OUT = "# Secret {namespace}/{name} is left out: only the engine can read what it holds.\n"

RELEASE = """\
# Helm release {namespace}/{name} makes more than stands here. It comes before what follows, by
#   {command}
# and has these values:
{values}"""


ADAPTER_RULE = "prometheusAdapterRule"
"""Name of the program's output with the rule of prometheus-adapter."""

BY_TAG = """\
The image is named by its tag, which may be moved to another image while running pods keep the old one. When
it is pushed, set `image` to its reference with the digest, which this command prints:
  docker buildx imagetools inspect {image}
"""

NEEDS_RULE = """\
prometheus-adapter must have this rule, in `rules.external` of its chart's values. Without it, pods are added
but never removed:
{rule}"""


def notes(outputs: Mapping[str, Any]) -> str:
    """Return what a person must do beside applying the objects, as comments of YAML; often nothing."""
    by_tag = [] if "@" in outputs["image"] else [BY_TAG.format(**outputs)]
    needs_rule = [text] if (text := adapter_rule(outputs)) else []
    return "".join(indent(note, "# ", lambda _: True) for note in [*by_tag, *needs_rule])


def adapter_rule(outputs: Mapping[str, Any]) -> str | None:
    """Return in words which rule the cluster's prometheus-adapter must have; None if it needs none."""
    rule = outputs.get(ADAPTER_RULE)
    return NEEDS_RULE.format(rule=yaml.safe_dump([rule], width=WIDTH)) if rule else None


def to_yaml(run: Run) -> str:
    """Write a run's objects in the order in which they can be applied, without any Secret.

    A Helm release is no object: its command and its values stand in comments, where its turn is.

    """
    return "---\n".join(filter(None, map(_part, run.resources)))


def _part(resource: Declared) -> str | None:
    if release := resource.release:
        return _commented(release)
    return _document(resource.inputs) if resource.is_kubernetes_object else None


def _document(one: dict[str, Any]) -> str:
    if one["kind"] == "Secret":
        return LEFT_OUT.format(**one["metadata"])
    # As kubectl prints an object: what it is, then the rest by name.
    return "".join(
        yaml.safe_dump({key: one[key]}, width=WIDTH)
        for key in sorted(one, key=lambda key: (key not in {"apiVersion", "kind", "metadata"}, key))
    )


def _commented(one: Release) -> str:
    values = indent(yaml.safe_dump(one.values, width=WIDTH), "#   ")
    return RELEASE.format(
        namespace=one.namespace, name=one.name, command=one.command("values.yaml"), values=values
    )
