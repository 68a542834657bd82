"""Who is told about which alert, and where the secrets of the receivers are."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

from ops.program import Run
from tests.conftest import StackOf
from tests.infra.conftest import EXISTING, INSTALL, Declare, is_secret
from tests.infra.receivers import EXAMPLES, SECRET_PARTS, SERVER, SEVERITIES, alerts, given
from tests.parsing import problems

ALL = {"page": EXAMPLES, "ticket": EXAMPLES}
LISTS = {
    "slack": "slackConfigs",
    "pagerDuty": "pagerdutyConfigs",
    "email": "emailConfigs",
    "webhook": "webhookConfigs",
}


@pytest.fixture
def config(watch: Declare) -> Callable[..., dict[str, Any]]:
    """Return a function that returns the AlertmanagerConfig of a stack with these receivers."""

    def declare(receivers: dict[str, Any], **others: str) -> dict[str, Any]:
        return watch(**EXISTING, **others, alerts=alerts(**receivers))["AlertmanagerConfig"]

    return declare


def found(value: Any) -> Iterator[Any]:
    """Yield every object within a value."""
    match value:
        case dict():
            yield value
            for item in value.values():
                yield from found(item)
        case list():
            for item in value:
                yield from found(item)
        case _:
            pass


def test_without_receivers_nothing_is_declared(watch: Declare):
    labels = alerts(page={"severity": "critical"})

    assert "AlertmanagerConfig" not in watch(**EXISTING, alerts=labels)


def test_each_severity_has_the_receivers_that_its_settings_name(config: Callable[..., dict[str, Any]]):
    given = {"page": ("pagerDuty",), "ticket": ("email", "slack")}
    spec = config({name: {kind: EXAMPLES[kind] for kind in kinds} for name, kinds in given.items()})["spec"]

    receivers = {receiver.pop("name"): sorted(receiver) for receiver in spec["receivers"]}
    assert receivers == {
        "nobody": [],
        "page": ["pagerdutyConfigs"],
        "ticket": ["emailConfigs", "slackConfigs"],
    }


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_receiver_is_told_that_an_alert_has_ended(config: Callable[..., dict[str, Any]], kind: str):
    spec = config({severity: {kind: EXAMPLES[kind]} for severity in SEVERITIES})["spec"]

    found = [item for receiver in spec["receivers"] for item in receiver.get(LISTS[kind], ())]
    assert [item["sendResolved"] for item in found] == [True, True]


def test_messages_say_what_is_wrong_and_link_to_the_runbook(config: Callable[..., dict[str, Any]]):
    receivers = {receiver["name"]: receiver for receiver in config(ALL)["spec"]["receivers"]}
    (slack,), (incident,) = (receivers["page"][name] for name in ("slackConfigs", "pagerdutyConfigs"))

    assert ".Annotations.summary" in slack["title"]
    assert ".Annotations.description" in slack["text"]
    assert ".Annotations.runbook_url" in slack["text"]
    assert ".Annotations.summary" in incident["description"]
    (detail,) = incident["details"]
    assert detail["key"] == "runbook"
    assert ".Annotations.runbook_url" in detail["value"]


def test_a_page_is_more_urgent_than_a_ticket(config: Callable[..., dict[str, Any]]):
    spec = config(ALL)["spec"]
    page, ticket = spec["route"]["routes"]

    assert (page["groupWait"], page["groupInterval"], page["repeatInterval"]) == ("10s", "1m", "4h")
    assert (ticket["groupWait"], ticket["groupInterval"], ticket["repeatInterval"]) == ("1m", "5m", "24h")
    urgencies = [item["pagerdutyConfigs"][0]["severity"] for item in spec["receivers"][1:]]
    assert urgencies == ["critical", "warning"]


def test_an_alertmanager_selects_it_by_the_labels_of_monitoring(config: Callable[..., dict[str, Any]]):
    metadata = config(ALL, monitoringLabels="release=kps")["metadata"]

    assert metadata["namespace"] == "slipway-prod"
    assert metadata["labels"]["release"] == "kps"
    assert metadata["labels"]["app.kubernetes.io/instance"] == "prod"


def test_alerts_have_the_labels_of_the_routes(watch: Declare):
    labels = alerts(
        page={"severity": "critical", "slack": EXAMPLES["slack"]},
        ticket={"severity": "warning", "slack": EXAMPLES["slack"]},
    )
    objects = watch(**EXISTING, alerts=labels)
    spec = objects["AlertmanagerConfig"]["spec"]

    routes = {route["receiver"]: route["matchers"][0]["value"] for route in spec["route"]["routes"]}
    assert routes == {"page": "critical", "ticket": "warning"}
    (rule,) = spec["inhibitRules"]
    assert [rule[side][0]["value"] for side in ("sourceMatch", "targetMatch")] == ["critical", "warning"]
    rules = [rule for group in objects["PrometheusRule"]["spec"]["groups"] for rule in group["rules"]]
    assert {rule["labels"]["severity"] for rule in rules if "alert" in rule} == {"critical", "warning"}


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_secret_part_is_in_a_secret_alone(program: Callable[..., Run], kind: str, severity: str):
    group = {"alerts": alerts(**{severity: {kind: given(kind, "hunter2")}})}
    declared = program(**EXISTING, secret=group)
    (secret,) = [item for item in declared.objects() if item["kind"] == "Secret"]
    (config,) = [item for item in declared.objects() if item["kind"] == "AlertmanagerConfig"]

    assert is_secret(secret["stringData"])
    ((key, value),) = secret["stringData"]["value"].items()
    assert value == "hunter2"
    assert [item.type for item in declared.resources if "hunter2" in json.dumps(item.inputs)] == [
        "kubernetes:core/v1:Secret"
    ]
    selector = {"name": secret["metadata"]["name"], "key": key}
    assert selector in [*found(config["spec"]["receivers"])]


def test_an_existing_secret_is_used_as_it_is(watch: Declare):
    objects = watch(**EXISTING, alerts=alerts(page={"slack": EXAMPLES["slack"]}))

    assert "Secret" not in objects
    _, receiver = objects["AlertmanagerConfig"]["spec"]["receivers"]
    assert receiver["slackConfigs"][0]["apiURL"] == {"name": "mine", "key": "secret"}


def test_mail_without_a_user_is_sent_without_login(config: Callable[..., dict[str, Any]]):
    spec = config({"page": {"email": SERVER}})["spec"]

    ((mail,),) = [receiver["emailConfigs"] for receiver in spec["receivers"] if "emailConfigs" in receiver]
    assert mail["from"] == "alerts@example.com"
    assert not {"authUsername", "authPassword"} & {*mail}


@pytest.mark.parametrize(("url", "warned"), [("", True), ("https://example.com/runbooks", False)])
def test_a_warning_says_that_links_to_runbooks_do_not_open(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, url: str, warned: bool
):
    shown: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda line, *_, **__: shown.append(line))

    program(**EXISTING, runbookUrl=url, alerts=alerts(page={"slack": EXAMPLES["slack"]}))

    assert any(line.startswith("runbookUrl is not set") for line in shown) is warned


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_receiver_needs_its_secret_once(stack_of: StackOf, kind: str):
    part = SECRET_PARTS[kind]
    twice = {**EXAMPLES[kind], **given(kind, "hunter2")}
    never = {key: value for key, value in EXAMPLES[kind].items() if key != f"{part}From"}

    for receiver in (twice, never):
        stack = stack_of(**EXISTING, secret={"alerts": alerts(page={kind: receiver})})
        ((path, said),) = problems(stack)
        assert path == f"slipway:alerts.page.{kind}"
        assert f"either {part} or {part}From" in said


def test_a_secret_in_plain_text_is_refused(stack_of: StackOf):
    stack = stack_of(**EXISTING, alerts=alerts(page={"slack": given("slack", "https://hooks.example.com/x")}))

    ((path, said),) = problems(stack)
    assert path == "slipway:alerts.page.slack.url"
    assert said == f"is in plain text; set it again with `pulumi config set --secret --path '{path}'`"


def test_receivers_without_monitoring_are_refused(stack_of: StackOf):
    ((path, said),) = problems(stack_of(alerts=alerts(page={"slack": EXAMPLES["slack"]})))

    assert (path, said) == ("alerts", "without receivers, for monitoring is none: no alert is ever raised")


def test_severities_that_nobody_can_tell_apart_are_refused(stack_of: StackOf):
    stack = stack_of(**EXISTING, alerts=alerts(page={"severity": "ticket"}))

    assert problems(stack) == [("alerts", "severities of page and ticket that differ")]


def test_an_installed_alertmanager_comes_before_its_config(program: Callable[..., Run]):
    declared = program(**INSTALL, alerts=alerts(page={"slack": EXAMPLES["slack"]}))

    assert "AlertmanagerConfig" in {item["kind"] for item in declared.objects()}
