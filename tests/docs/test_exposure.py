"""Each block of settings in docs/exposure.md runs as printed."""

import json

import pytest
import yaml

from infra.settings.exposure import Exposure
from ops.program import run
from ops.stack import PROJECT
from tests.conftest import StackOf
from tests.infra.conftest import SDKS, require_sdks
from tests.infra.schema import misfit
from tests.readme import blocks

PAGE = PROJECT / "docs" / "exposure.md"
CONFIGS = [yaml.safe_load(block.text) for block in blocks(PAGE.read_text()) if block.language == "yaml"]
FOR = {"eks": {"clusterName": "theirs", "aws:region": "eu-west-1"}}
"""What a stack needs beside the block, by the cluster that the block names."""


@pytest.mark.parametrize("config", CONFIGS, ids=[json.dumps(config)[:60] for config in CONFIGS])
def test_a_block_of_settings_declares_valid_objects(stack_of: StackOf, config: dict[str, object]):
    given = {
        key.removeprefix("slipway:"): value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }

    if sdk := SDKS.get(given.get("cluster", "")):
        require_sdks(sdk)
    declared = run(stack_of(**FOR.get(given.get("cluster", ""), {}), **given))

    assert "Service" in {manifest["kind"] for manifest in declared.objects()}
    assert [misfit(manifest) for manifest in declared.objects() if misfit(manifest)] == []


def test_there_is_a_block_for_each_type():
    groups = [config["slipway:exposure"] for config in CONFIGS]

    types = {group.get("type", Exposure().type) for group in groups}
    assert types == {"LoadBalancer", "NodePort", "ClusterIP", "Ingress", "Gateway"}
