"""How custom resources are defined, where the Go modules that hold their definitions are at hand."""

import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ops.commands import output_of

OPERATOR = "github.com/prometheus-operator/prometheus-operator@*/example/prometheus-operator-crd"
KINDS = {
    "PrometheusRule": f"{OPERATOR}/*_prometheusrules.yaml",
    "ServiceMonitor": f"{OPERATOR}/*_servicemonitors.yaml",
    "ScaledObject": "github.com/kedacore/keda/v2@*/config/crd/bases/*_scaledobjects.yaml",
}
"""Where in the module cache they are defined."""


def definition(kind: str) -> jsonschema.Draft7Validator:
    """The schema of a kind, strict: a field that it lacks is an error."""
    go = shutil.which("go")
    cache = Path(output_of([go, "env", "GOMODCACHE"]).strip()) if go else Path()
    found = sorted(cache.glob(KINDS[kind])) if go else []
    if not found:
        pytest.skip(f"the definition of {kind} is in no module of Go's cache: make monitoring")
    (version,) = yaml.safe_load(found[-1].read_text())["spec"]["versions"]
    # Not checked itself: its patterns are Go's.
    return jsonschema.Draft7Validator(strict(version["schema"]["openAPIV3Schema"]))


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" in schema:
        for each in schema["properties"].values():
            strict(each)
        if not schema.get("x-kubernetes-preserve-unknown-fields") and schema.get("type") == "object":
            # Of metadata the definition leaves the schema to Kubernetes.
            schema.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            strict(schema[key])
    return schema
