"""What checkov finds in the resources that the program declares.

The providers of Google and Amazon are made from those of Terraform, so their inputs are translated into a
plan of Terraform. The inputs of Azure's provider are those of its resource manager, so they become a template
of it.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ops.program import Declared
from tests.infra.conftest import is_secret

MAPS = {"labels", "metadata", "resourceLabels", "tags"}
"""Properties that are maps with free keys. Other objects are blocks, which Terraform keeps in lists."""

SINGULAR = {
    "guestAccelerators": "guest_accelerator",
    "taints": "taint",
}
"""Lists of blocks, by the name that Pulumi gives them in the plural."""

PREFIXES = {"gcp": "google", "aws": "aws"}
WITHOUT_MODULE = {"ec2"}
NAMES = {
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": (
        "google_artifact_registry_repository_iam_member"
    ),
    "gcp:projects/iAMMember:IAMMember": "google_project_iam_member",
    "gcp:serviceaccount/account:Account": "google_service_account",
}
AZURE = {
    "azure-native:containerservice:AgentPool": "Microsoft.ContainerService/managedClusters/agentPools",
    "azure-native:containerservice:ManagedCluster": "Microsoft.ContainerService/managedClusters",
    "azure-native:monitor:DiagnosticSetting": "Microsoft.Insights/diagnosticSettings",
    "azure-native:operationalinsights:Workspace": "Microsoft.OperationalInsights/workspaces",
    "azure-native:resources:ResourceGroup": "Microsoft.Resources/resourceGroups",
}
BESIDE_PROPERTIES = {"identity", "kind", "location", "sku", "tags"}
"""What Azure's resource manager does not keep below `properties`."""

TEMPLATE = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
FRAMEWORKS = ("terraform_plan", "arm", "kubernetes")


def write(resources: Iterable[Declared], folder: Path) -> None:
    """Write the resources of clouds and the Kubernetes objects in forms that checkov reads."""
    folder.mkdir(parents=True)
    resources = [*resources]
    if bridged := [_terraform(item) for item in resources if item.type.partition(":")[0] in PREFIXES]:
        (folder / "tfplan.json").write_text(_json(_plan(bridged)))
    if native := [_template(item) for item in resources if item.type.startswith("azure-native:")]:
        content = {"$schema": TEMPLATE, "contentVersion": "1.0.0.0", "resources": native}
        (folder / "template.json").write_text(_json(content))
    objects = [item.inputs for item in resources if item.is_kubernetes_object]
    text = "---\n".join(_json(item) + "\n" for item in objects if item["kind"] != "Secret")
    (folder / "objects.yaml").write_text(text)


def check(python: Path, folder: Path) -> dict[str, set[tuple[str, str]]]:
    """Run checkov over the written folders.

    Returns:
        The failed checks by the name of the folder: each an identifier of the check and a resource.

    """
    command = [python, "-m", "checkov.main", "--directory", folder, "--output", "json", "--quiet"]
    command += ["--compact", "--skip-download", "--soft-fail", "--framework", *FRAMEWORKS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    answer: Any = json.loads(done.stdout)
    found: dict[str, set[tuple[str, str]]] = {item.name: set() for item in folder.iterdir() if item.is_dir()}
    for report in answer if isinstance(answer, list) else [answer]:
        assert not report["summary"]["parsing_errors"]
        for failed in report["results"]["failed_checks"]:
            name = Path(failed["file_path"].lstrip("/")).parts[0]
            found[name].add((failed["check_id"], failed["resource"]))
    return found


def _json(value: Any) -> str:
    """Write JSON. A value that is known only to the cloud is written as some text."""
    return json.dumps(value, default=lambda _: "known later")


def _terraform(resource: Declared) -> dict[str, Any]:
    kind = NAMES.get(resource.type) or _kind(resource.type)
    address = {"address": f"{kind}.{resource.name}", "mode": "managed", "type": kind, "name": resource.name}
    return {**address, "values": _block(_plain(resource.inputs))}


def _plan(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a plan of Terraform that creates some resources.

    https://developer.hashicorp.com/terraform/internals/json-format
    """
    changes = [
        {**item, "change": {"actions": ["create"], "before": None, "after": item["values"]}}
        for item in resources
    ]
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": []}},
    }


def _template(resource: Declared) -> dict[str, Any]:
    inputs = _plain(resource.inputs)
    properties = {key: value for key, value in inputs.items() if key not in BESIDE_PROPERTIES}
    return {
        "type": AZURE[resource.type],
        "apiVersion": "2025-05-01",
        "name": resource.name,
        **{key: value for key, value in inputs.items() if key in BESIDE_PROPERTIES},
        "properties": properties,
    }


def _kind(token: str) -> str:
    """Return Terraform's name of a type, such as `aws_eks_cluster` for `aws:eks/cluster:Cluster`."""
    provider, module, _ = token.split(":")
    module, _, name = module.partition("/")
    return "_".join([PREFIXES[provider], *([] if module in WITHOUT_MODULE else [module]), _snake(name)])


def _block(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {SINGULAR.get(key) or _snake(key): _value(key, value) for key, value in inputs.items()}


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
    match value:
        case dict() if is_secret(value):
            return _plain(value["value"])
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: "_" + found[0], name).lower()
