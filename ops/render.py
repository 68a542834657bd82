"""Write the Kubernetes objects of the program as YAML, for review, GitOps or kubectl."""

from collections.abc import Iterable, Mapping
from textwrap import indent
from typing import Any

import yaml

from ops.helm import Release
from ops.program import Declared, Run

WIDTH = 110

LEFT_OUT = "# Secret {namespace}/{name} is left out: only the engine can decrypt its values.\n"

RELEASE = """\
# Helm release {namespace}/{name} is not written out. Install it before the objects below, with
#   {command}
# and these values:
{values}"""


ADAPTER_RULES = ("prometheusAdapterRule", "prometheusAdapterRules")
"""Names of the program's outputs with the rule of prometheus-adapter, or with those of several models."""

PER_MODEL = ("urls", "images", "modelVersions")
"""Names of the outputs that a stack with a list of models has by the models' names."""

BY_TAG = """\
The image is named by its tag, which may be moved to another image while running pods keep the old one. When
it is pushed, set `image` to its reference with the digest, which this command prints:
  docker buildx imagetools inspect {image}
"""

NEEDS_RULE = """\
prometheus-adapter must have this in `rules.external` of its chart's values. Without it, pods are added but
never removed:
{rules}"""


def notes(outputs: Mapping[str, Any]) -> str:
    """Return what a person must do beside applying the objects, as comments of YAML; often nothing."""
    by_tag = [BY_TAG.format(image=image) for image in _images(outputs) if "@" not in image]
    needs_rule = [text] if (text := adapter_rule(outputs)) else []
    return "".join(indent(note, "# ", lambda _: True) for note in [*by_tag, *needs_rule])


def adapter_rule(outputs: Mapping[str, Any]) -> str | None:
    """Return in words which rules the cluster's prometheus-adapter must have; None if it needs none."""
    only, several = (outputs.get(name) for name in ADAPTER_RULES)
    rules = several or ([only] if only else [])
    return NEEDS_RULE.format(rules=yaml.safe_dump(rules, width=WIDTH)) if rules else None


def _images(outputs: Mapping[str, Any]) -> Iterable[str]:
    return outputs["images"].values() if "images" in outputs else [outputs["image"]]


def to_yaml(run: Run) -> str:
    """Return a run's objects as YAML in an order in which they can be applied, without any Secret.

    A Helm release is written as a comment with its command and its values.

    """
    return "---\n".join(filter(None, map(_part, run.resources)))


def _part(resource: Declared) -> str | None:
    if release := resource.release:
        return _commented(release)
    return _document(resource.inputs) if resource.is_kubernetes_object else None


def _document(item: dict[str, Any]) -> str:
    if item["kind"] == "Secret":
        return LEFT_OUT.format(**item["metadata"])
    # In the order of kubectl: apiVersion, kind and metadata first, then the other keys by name.
    return "".join(
        yaml.safe_dump({key: item[key]}, width=WIDTH)
        for key in sorted(item, key=lambda key: (key not in {"apiVersion", "kind", "metadata"}, key))
    )


def _commented(release: Release) -> str:
    values = indent(yaml.safe_dump(release.values, width=WIDTH), "#   ")
    return RELEASE.format(
        namespace=release.namespace,
        name=release.name,
        command=release.command("values.yaml"),
        values=values,
    )
