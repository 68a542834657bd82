"""The settings that docs/monitoring.md prints are accepted, and declare what it says."""

import re
from typing import Any

import pytest
import yaml

from ops.config_yaml import as_text
from ops.program import Run, run
from ops.stack import NAMESPACE, PROJECT
from tests.conftest import StackOf
from tests.infra.conftest import EXISTING

PAGE = (PROJECT / "docs" / "monitoring.md").read_text()
PRINTED: list[dict[str, Any]] = [
    yaml.safe_load(text)["config"] for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]


@pytest.fixture
def printed(stack_of: StackOf) -> list[Run]:
    """A run of the program with each of the printed settings."""
    return [
        run(
            stack_of(
                **EXISTING
                | {key.removeprefix(f"{NAMESPACE}:"): as_text(value) for key, value in config.items()}
            )
        )
        for config in PRINTED
    ]


def test_the_printed_receivers_and_labels_are_declared(printed: list[Run]):
    receivers, labels = [{item["kind"]: item for item in declared.objects()} for declared in printed]

    told = {item["name"]: {*item} - {"name"} for item in receivers["AlertmanagerConfig"]["spec"]["receivers"]}
    assert told == {"nobody": set(), "page": {"pagerdutyConfigs"}, "ticket": {"slackConfigs", "emailConfigs"}}
    assert "AlertmanagerConfig" not in labels
    assert '"severity": "critical"' not in str(receivers["PrometheusRule"])
    assert "'severity': 'critical'" in str(labels["PrometheusRule"])


def test_the_command_for_the_secret_makes_the_keys_that_the_settings_name():
    (command,) = re.findall(r"create secret generic alerts (.*)", PAGE)

    made = {*re.findall(r"--from-file=(\w+)=", command)}
    assert made == {*re.findall(r"From: \{name: alerts, key: (\w+)\}", PAGE)}


def test_the_page_names_every_alert():
    runbooks = {page.stem for page in (PROJECT / "docs" / "runbooks").glob("*.md")}

    assert {name for name in runbooks if f"(runbooks/{name}.md)" not in PAGE} == set()
