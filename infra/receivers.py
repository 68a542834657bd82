"""The receivers of an AlertmanagerConfig: who is told about alerts, and in which words.

The types are a subset of
https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1alpha1.Receiver
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NotRequired, TypedDict

import pulumi

from infra.settings.alerts import Email, Receivers, SecretKey, Slack
from infra.severities import Severity

FIRST = "(index .Alerts 0).Annotations"
"""The annotations of the first alert of a message, in Alertmanager's templates."""

TITLE = f"[{{{{ .Status | toUpper }}}}] {{{{ {FIRST}.summary }}}}"
TEXT = "{{ range .Alerts }}{{ .Annotations.description }}\nRunbook: {{ .Annotations.runbook_url }}\n{{ end }}"
"""https://prometheus.io/docs/alerting/latest/notifications/"""

PAGERDUTY_SEVERITIES: Mapping[Severity, Literal["critical", "warning"]] = {
    "page": "critical",
    "ticket": "warning",
}

Part = Literal["slack-url", "pager-duty-routing-key", "email-password", "webhook-url"]
"""The secret part of a receiver."""


class SecretKeySelector(TypedDict):
    """A key of a Secret."""

    name: pulumi.Input[str]
    key: str


class SlackConfig(TypedDict):
    """A channel of Slack."""

    apiURL: SecretKeySelector
    channel: NotRequired[str]
    sendResolved: bool
    title: str
    text: str


class Detail(TypedDict):
    """A line of the details of an incident."""

    key: str
    value: str


class PagerDutyConfig(TypedDict):
    """A service of PagerDuty."""

    routingKey: SecretKeySelector
    sendResolved: bool
    severity: str
    description: str
    details: list[Detail]


class EmailHeader(TypedDict):
    """A header of an e-mail."""

    key: str
    value: str


EmailConfig = TypedDict(
    "EmailConfig",
    {
        "to": str,
        "from": str,
        "smarthost": str,
        "requireTLS": bool,
        "sendResolved": bool,
        "headers": list[EmailHeader],
        "authUsername": NotRequired[str],
        "authPassword": NotRequired[SecretKeySelector],
    },
)
"""Messages by e-mail. The text is Alertmanager's own, which shows every annotation."""


class WebhookConfig(TypedDict):
    """A server that takes alerts as JSON."""

    urlSecret: SecretKeySelector
    sendResolved: bool


class Receiver(TypedDict):
    """Everybody who is told about the same alerts. Without any of the lists, nobody is."""

    name: str
    slackConfigs: NotRequired[list[SlackConfig]]
    pagerdutyConfigs: NotRequired[list[PagerDutyConfig]]
    emailConfigs: NotRequired[list[EmailConfig]]
    webhookConfigs: NotRequired[list[WebhookConfig]]


def given_secrets(severity: Severity, receivers: Receivers) -> dict[str, pulumi.Output[str]]:
    """Return the secrets that the settings themselves hold, by the keys of the Secret to make of them."""
    return {_key(severity, part): value for part, value, _ in _secrets(receivers) if value is not None}


def receiver(severity: Severity, receivers: Receivers, secret: pulumi.Input[str]) -> Receiver:
    """Return the receiver of a severity's alerts. Its name is the severity.

    Args:
        severity: The severity.
        receivers: Who is told.
        secret: Name of the Secret with `given_secrets`.

    """
    selectors: dict[Part, SecretKeySelector] = {
        part: {"name": given.name, "key": given.key}
        if given
        else {"name": secret, "key": _key(severity, part)}
        for part, _, given in _secrets(receivers)
    }
    result: Receiver = {"name": severity}
    if slack := receivers.slack:
        result["slackConfigs"] = [_slack(slack, selectors["slack-url"])]
    if receivers.pager_duty:
        result["pagerdutyConfigs"] = [_pager_duty(severity, selectors["pager-duty-routing-key"])]
    if email := receivers.email:
        result["emailConfigs"] = [_email(email, selectors.get("email-password"))]
    if receivers.webhook:
        result["webhookConfigs"] = [{"urlSecret": selectors["webhook-url"], "sendResolved": True}]
    return result


def _key(severity: Severity, part: Part) -> str:
    return f"{severity}-{part}"


def _secrets(receivers: Receivers) -> Iterator[tuple[Part, pulumi.Output[str] | None, SecretKey | None]]:
    """Yield each secret part: its value, or where it is."""
    if slack := receivers.slack:
        yield "slack-url", slack.url, slack.url_from
    if pager_duty := receivers.pager_duty:
        yield "pager-duty-routing-key", pager_duty.routing_key, pager_duty.routing_key_from
    if (email := receivers.email) and email.username:
        yield "email-password", email.password, email.password_from
    if webhook := receivers.webhook:
        yield "webhook-url", webhook.url, webhook.url_from


def _slack(slack: Slack, url: SecretKeySelector) -> SlackConfig:
    config: SlackConfig = {"apiURL": url, "sendResolved": True, "title": TITLE, "text": TEXT}
    if slack.channel:
        config["channel"] = slack.channel
    return config


def _pager_duty(severity: Severity, key: SecretKeySelector) -> PagerDutyConfig:
    return {
        "routingKey": key,
        "sendResolved": True,
        "severity": PAGERDUTY_SEVERITIES[severity],
        "description": f"{{{{ {FIRST}.summary }}}}",
        "details": [{"key": "runbook", "value": f"{{{{ {FIRST}.runbook_url }}}}"}],
    }


def _email(email: Email, password: SecretKeySelector | None) -> EmailConfig:
    config: EmailConfig = {
        "to": email.to,
        "from": email.sender,
        "smarthost": email.smarthost,
        "requireTLS": email.require_tls,
        "sendResolved": True,
        "headers": [{"key": "Subject", "value": TITLE}],
    }
    if email.username and password:
        config["authUsername"], config["authPassword"] = email.username, password
    return config
