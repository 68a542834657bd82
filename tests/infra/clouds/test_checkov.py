"""Checkov finds nothing in what the program declares that docs/clouds.md does not argue."""

import json
import re
from typing import Any

import pytest

from bench.errors import BenchError
from bench.tools import environment
from ops.program import run
from ops.stack import PROJECT
from tests.conftest import StackOf
from tests.infra.clouds import checked
from tests.infra.conftest import CLOUD_CONFIG, GPU

CHECKOV = PROJECT / "tests" / "infra" / "checkov"
"""The folder that pins checkov, which has an environment of its own."""

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
DIGEST = f"{ECR}/cats@sha256:{'0' * 64}"
CREATED = {**GPU, "image": DIGEST, "registry": ""}

CHOSEN: dict[str, dict[str, Any]] = {
    "gke": {
        "network": "ours",
        "subnets": ["nodes"],
        "privateNodes": True,
        "apiRanges": ["203.0.113.0/24"],
        "admins": ["group:platform@example.com"],
        "encryptionKey": "projects/acme/locations/eu/keyRings/ours/cryptoKeys/slipway",
    },
    "eks": {
        "subnets": ["subnet-1", "subnet-2"],
        "privateEndpoint": True,
        "admins": ["arn:aws:iam::123456789012:role/platform"],
        "encryptionKey": "arn:aws:kms:eu-west-1:123456789012:key/ours",
    },
    "aks": {
        "apiRanges": ["203.0.113.0/24"],
        "admins": ["00000000-0000-0000-0000-000000000000"],
        "hostEncryption": True,
        "uptimeSla": True,
    },
}
"""What a platform team may choose for each cloud."""

STACKS: dict[str, dict[str, Any]] = {
    **{f"{cloud} by default": {**CREATED, **config} for cloud, config in CLOUD_CONFIG.items()},
    **{
        f"{cloud} with options": {**CREATED, **config, "cloud": json.dumps(CHOSEN[cloud])}
        for cloud, config in CLOUD_CONFIG.items()
    },
    "ecr": {"registry": ECR},
    "rendered by tag": {},
    "rendered by digest": {"image": DIGEST, "registry": ""},
}


@pytest.fixture(scope="module")
def python() -> Any:
    try:
        return environment(CHECKOV)
    except BenchError as error:
        command = f"python3.11 -m pip install --requirement {CHECKOV / 'requirements.txt'}"
        pytest.skip(f"checkov needs an environment of its own; see why `{command}` fails: {error}")


def argued() -> dict[str, set[str]]:
    """Return the checks that docs/clouds.md argues, by the stack that they are found in."""
    rows = re.findall(
        r"^\| `(CKV\w+)` \| ([^|]+) \|", (PROJECT / "docs" / "clouds.md").read_text(), re.MULTILINE
    )
    by_stack: dict[str, set[str]] = {}
    for check, stacks in rows:
        for stack in stacks.split(", "):
            by_stack.setdefault(stack.strip(), set()).add(check)
    return by_stack


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("clouds")
def test_nothing_is_found_that_the_page_does_not_argue(stack_of: StackOf, python: Any, tmp_path: Any):
    for name, config in STACKS.items():
        checked.write(run(stack_of(**config)).resources, tmp_path / "stacks" / name)

    found = checked.check(python, tmp_path / "stacks")

    assert {name: {check for check, _ in checks} for name, checks in found.items() if checks} == argued()
