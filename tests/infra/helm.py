"""Helm's merge of values, its templates where `helm` is installed, and Kubernetes' rules for containers."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.helm import Release
from ops.local.binaries import KUBERNETES


def merged(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Merge values over a chart's defaults: maps are merged, anything else replaces, and null removes.

    https://helm.sh/docs/chart_template_guide/values_files/
    """
    result = dict(defaults)
    for key, value in values.items():
        default = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(default, Mapping):
            result[key] = merged(default, value)
        else:
            result[key] = value
    return result


def rendered(release: Release, chart: Path, scratch: Path) -> list[dict[str, Any]]:
    """Return the objects of a release as `helm template` prints them."""
    helm = shutil.which("helm")
    if helm is None:
        pytest.skip("helm is not on PATH")
    values = scratch / f"{release.name}.yaml"
    values.write_text(yaml.safe_dump(release.values))
    command = [helm, "template", release.name, str(chart), "--namespace", release.namespace]
    command += ["--kube-version", KUBERNETES, "--values", str(values)]
    printed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    return [manifest for manifest in yaml.safe_load_all(printed.stdout) if manifest]


def containers(manifest: Any) -> Iterator[dict[str, Any]]:
    """Yield every container of an object, wherever its pods are specified."""
    match manifest:
        case dict():
            for key, value in manifest.items():
                if key in ("containers", "initContainers"):
                    yield from value
                else:
                    yield from containers(value)
        case list():
            for item in manifest:
                yield from containers(item)
        case _:
            pass


def refusals(container: Mapping[str, Any]) -> list[str]:
    """Return why Kubernetes refuses a container that fits its schema.

    `ValidateSecurityContext` of Kubernetes, in pkg/apis/core/validation/validation.go.
    """
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        return []
    added = context.get("capabilities", {}).get("add", [])
    return [
        *(["allowPrivilegeEscalation is false, privileged is true"] if context.get("privileged") else []),
        *(["allowPrivilegeEscalation is false, CAP_SYS_ADMIN is added"] if "CAP_SYS_ADMIN" in added else []),
    ]
