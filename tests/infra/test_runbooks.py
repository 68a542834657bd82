import re
from pathlib import Path

import pytest
import yaml

from ops.stack import PROJECT
from tests.conftest import SettingsOf
from tests.infra.exports import CLUSTER, server
from tests.infra.promql import names
from tests.monitoring import rule_groups

PULUMI_YAML = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
RUNBOOKS = PROJECT / "docs" / "runbooks"
URL = "https://runbooks.example"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert(settings_of: SettingsOf):
    rules = [rule for group in rule_groups(settings_of(), "tiny", URL, "tiny-tls") for rule in group["rules"]]
    links = {rule["annotations"]["runbook_url"] for rule in rules if "alert" in rule}

    assert links == {f"{URL}/{page.name}" for page in RUNBOOKS.iterdir()}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_names_exported_metrics_and_its_links_exist(page: Path):
    text = page.read_text()
    exported = {**server(), **CLUSTER}
    queries = re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
    links = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text)

    assert queries
    for metric, labels in (pair for query in queries for pair in names(query).items()):
        assert labels <= exported[metric], metric
    for file, anchor in links:
        headings = re.findall(r"^#+ (.*)$", (page.parent / (file or page.name)).read_text(), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}
    for setting in re.findall(r"pulumi config set (?:--secret )?(\w+)", text):
        assert setting in PULUMI_YAML
