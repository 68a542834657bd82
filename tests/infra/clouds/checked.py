"""What checkov finds in the resources that the program declares.

The providers of Google and Amazon are made from those of Terraform, so their inputs are translated into a plan
of Terraform. The inputs of Azure's provider are those of its resource manager, so they become a template of it.
"""

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.tools import environment
from ops.program import Declared
from tests.infra.conftest import is_secret

CHECKOV = Path(__file__).parents[1] / "checkov"
"""The folder that pins checkov, which has an environment of its own."""

MAPS = {"labels", "metadata", "resourceLabels", "tags"}
"""Properties that are maps with free keys. Other objects are blocks, which Terraform keeps in lists."""

SINGULAR = {"guestAccelerators": "guest_accelerator", "taints": "taint"}
"""Lists of blocks whose names Pulumi has put into the plural."""

PREFIXES = {"gcp": "google", "aws": "aws"}
WITHOUT_MODULE = {"ec2", "serviceaccount"}
NAMES = {
    "gcp:projects/iAMMember:IAMMember": "google_project_iam_member",
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": (
        "google_artifact_registry_repository_iam_member"
    ),
    "gcp:serviceaccount/account:Account": "google_service_account",
}
AZURE = {
    "azure-native:containerservice:ManagedCluster": "Microsoft.ContainerService/managedClusters",
    "azure-native:containerservice:AgentPool": "Microsoft.ContainerService/managedClusters/agentPools",
    "azure-native:network:VirtualNetwork": "Microsoft.Network/virtualNetworks",
}
BESIDE_PROPERTIES = {"identity", "kind", "location", "sku", "tags"}
"""What Azure's resource manager does not keep below `properties`."""


def python() -> Path:
    """Return the Python that has checkov; skip the test where it cannot be installed."""
    try:
        return environment(CHECKOV)
    except BenchError as error:
        command = f"python3.11 -m pip install --requirement {CHECKOV / 'requirements.txt'}"
        pytest.skip(f"checkov needs an environment of its own; see why `{command}` fails: {error}")


def findings(resources: Iterable[Declared], folder: Path) -> dict[str, set[str]]:
    """Return the identifiers of the checks that the resources of a cloud fail, each with their names."""
    resources = [*resources]
    bridged = [terraform(item) for item in resources if item.type.partition(":")[0] in PREFIXES]
    native = [template(item) for item in resources if item.type in AZURE]
    return {**_checked(folder / "plan", "terraform_plan", plan(bridged)),
            **_checked(folder / "arm", "arm", {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": native})}


SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def kubernetes_findings(text: str, folder: Path) -> dict[str, set[str]]:
    """Return the identifiers of the checks that some Kubernetes objects fail, each with their names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "objects.yaml").write_text(text)
    return _run(folder / "objects.yaml", "kubernetes")


def terraform(resource: Declared) -> dict[str, Any]:
    """Translate a resource of a provider that is made from one of Terraform."""
    kind = NAMES.get(resource.type) or _type(resource.type)
    return {"address": f"{kind}.{resource.name}", "mode": "managed", "type": kind, "name": resource.name,
            "values": _block(resource.inputs)}


def plan(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a plan of Terraform that creates some resources."""
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": [
            {**{key: value for key, value in item.items() if key != "values"},
             "change": {"actions": ["create"], "before": None, "after": item["values"], "after_unknown": {}}}
            for item in resources
        ],
        "configuration": {"root_module": {"resources": []}},
    }


def template(resource: Declared) -> dict[str, Any]:
    """Translate a resource of Azure into one of a template."""
    inputs = _plain(resource.inputs)
    beside = {key: value for key, value in inputs.items() if key in BESIDE_PROPERTIES}
    properties = {key: value for key, value in inputs.items() if key not in BESIDE_PROPERTIES}
    return {"type": AZURE[resource.type], "apiVersion": "2025-05-01", "name": resource.name, **beside,
            "properties": properties}


def _type(token: str) -> str:
    provider, module, _ = token.split(":")
    module, _, name = module.partition("/")
    parts = [PREFIXES[provider], *([] if module in WITHOUT_MODULE else [module]), _snake(name)]
    return "_".join(parts)


def _block(inputs: dict[str, Any]) -> dict[str, Any]:
    return {SINGULAR.get(key) or _snake(key): _value(key, value) for key, value in _plain(inputs).items()}


def _value(key: str, value: Any) -> Any:
    match value:
        case dict():
            return value if key in MAPS else [_block(value)]
        case list():
            return [_block(item) if isinstance(item, dict) else item for item in value]
        case _:
            return value


def _plain(value: Any) -> Any:
    """Take secrets out of their wrapping."""
    if is_secret(value):
        return _plain(value["value"])
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: "_" + found[0], name).lower()


def _checked(folder: Path, framework: str, content: dict[str, Any]) -> dict[str, set[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resources.json").write_text(json.dumps(content))
    return _run(folder / "resources.json", framework)


def _run(file: Path, framework: str) -> dict[str, set[str]]:
    command = [python(), "-m", "checkov.main", "--file", file, "--framework", framework, "--output", "json",
               "--quiet", "--compact", "--skip-download", "--soft-fail"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=file.parent)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    failed: dict[str, set[str]] = {}
    for found in report.get("results", {}).get("failed_checks", []):
        failed.setdefault(found["check_id"], set()).add(f"{found['resource']}: {found['check_name']}")
    return failed
