"""The definitions of custom resources, if the local cluster has kept them."""

from typing import Any

import jsonschema
import pytest
import yaml

from ops.local.paths import CACHE

OPERATOR = "example/prometheus-operator-crd"
KINDS = {
    "AlertmanagerConfig": f"{OPERATOR}/*_alertmanagerconfigs.yaml",
    "PrometheusRule": f"{OPERATOR}/*_prometheusrules.yaml",
    "ServiceMonitor": f"{OPERATOR}/*_servicemonitors.yaml",
    "ScaledObject": "config/crd/bases/*_scaledobjects.yaml",
    "HTTPRoute": "config/crd/standard/*_httproutes.yaml",
    "Certificate": "deploy/crds/*_certificates.yaml",
}
"""The files of the definitions, within the sources that the local cluster keeps."""


class Loader(yaml.SafeLoader):
    """Reads a lone `=` as text. Older versions of YAML give it a meaning of its own."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def definition(kind: str) -> jsonschema.Draft7Validator:
    """Return the schema of a kind. It is strict: an unknown field is an error."""
    found = sorted(CACHE.glob(f"sources/*/{KINDS[kind]}"), key=lambda file: file.stat().st_mtime)
    if not found:
        pytest.skip(f"the definition of {kind} is not kept here: make monitoring checkers")
    versions = yaml.load(found[-1].read_text(), Loader)["spec"]["versions"]
    (version,) = [version for version in versions if version["storage"]]
    # Not checked itself: its patterns are Go's.
    return jsonschema.Draft7Validator(strict(version["schema"]["openAPIV3Schema"]))


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" in schema:
        for subschema in schema["properties"].values():
            strict(subschema)
        if not schema.get("x-kubernetes-preserve-unknown-fields") and schema.get("type") == "object":
            # Of metadata the definition leaves the schema to Kubernetes.
            schema.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            strict(schema[key])
    return schema
