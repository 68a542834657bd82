"""The stack with several models in docs/operating.md declares what the page says."""

import re
from typing import Any

import yaml

from ops.config_yaml import as_text
from ops.program import run
from ops.stack import PROJECT
from tests.conftest import VERSION, StackOf, write_artifact

PAGE = (PROJECT / "docs" / "operating.md").read_text()
SECTION = PAGE.partition("## Several models in one stack")[2].partition("\n## ")[0]


def test_the_stack_with_two_models_is_deployed_as_it_is_printed(stack_of: StackOf, tmp_path: Any):
    (text,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    config = {key: as_text(value) for key, value in yaml.safe_load(text)["config"].items()}
    for name in ("efficientnet-lite0", "digits"):
        write_artifact(tmp_path / "built", name, VERSION)

    stack = stack_of(
        "dev", **config, model=None, modelVersion=VERSION, modelDirectory=str(tmp_path / "built")
    )
    declared = run(stack)

    ports = {
        item["metadata"]["name"]: item["spec"]["ports"][0]["nodePort"]
        for item in declared.objects()
        if item["kind"] == "Service"
    }
    assert ports == {"efficientnet-lite0": 30080, "digits": 30082}
    assert declared.outputs["urls"] == {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
