"""The examples of docs/placement.md are settings that the program takes."""

import json
import re
from typing import Any

import pytest
import yaml

from infra.mirror import CHARTS, IMAGES
from ops.program import run
from ops.stack import PROJECT
from tests.conftest import StackOf
from tests.infra.schema import misfit

PAGE = (PROJECT / "docs/placement.md").read_text()
EXAMPLES: list[dict[str, Any]] = [
    yaml.safe_load(text)["config"] for text in re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
]


@pytest.mark.parametrize("config", EXAMPLES, ids=str)
def test_an_example_gives_objects_that_fit_the_schema_of_kubernetes(
    stack_of: StackOf, config: dict[str, Any]
):
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}

    manifests = run(stack_of(**given)).objects()

    assert manifests
    for manifest in manifests:
        assert misfit(manifest) is None


def test_every_chart_that_must_be_copied_is_listed():
    listed = re.findall(rf"^\| `{CHARTS}/([a-z-]+)`", PAGE, re.MULTILINE)

    assert sorted(listed) == sorted(IMAGES)


def test_the_base_image_that_must_be_copied_is_that_of_the_dockerfile():
    dockerfile = (PROJECT / "app/Dockerfile").read_text()
    (base,) = set(
        re.findall(r"^ARG (?:BUILD|RUNTIME)_IMAGE=\$\{BASE_IMAGES\}(.+)$", dockerfile, re.MULTILINE)
    )

    assert f"| `library/{base}` |" in PAGE
