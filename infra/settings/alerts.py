"""The group `slipway:alerts`: who is told about alerts, and how they are labelled."""

from dataclasses import field
from typing import Annotated

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import CONFIG, DnsSubdomain, LabelValue, OptionalSecret, OptionalText, invalid
from infra.severities import SEVERITIES, Severities

SecretKeyName = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
"""https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data"""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class SecretKey:
    """A key of an existing Secret in the namespace of the service."""

    name: DnsSubdomain
    """Name of the Secret."""

    key: SecretKeyName
    """Key within the Secret."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Slack:
    """A channel of Slack."""

    channel: OptionalText = None
    """Channel, e.g. #on-call. Without it, messages go to the channel of the webhook."""

    url: OptionalSecret = None
    """Address of an incoming webhook of Slack."""

    url_from: SecretKey | None = None
    """An existing Secret with that address, in place of url."""

    @model_validator(mode="after")
    def _has_an_address(self) -> "Slack":
        if (self.url is None) == (self.url_from is None):
            raise invalid("either url or urlFrom")
        return self


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class PagerDuty:
    """A service of PagerDuty."""

    routing_key: OptionalSecret = None
    """Integration key of the service, of the type Events API v2."""

    routing_key_from: SecretKey | None = None
    """An existing Secret with that key, in place of routingKey."""

    @model_validator(mode="after")
    def _has_a_key(self) -> "PagerDuty":
        if (self.routing_key is None) == (self.routing_key_from is None):
            raise invalid("either routingKey or routingKeyFrom")
        return self


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Email:
    """Messages by e-mail."""

    to: Annotated[str, Field(pattern="@")]
    """Addresses, separated by commas."""

    sender: Annotated[str, Field(pattern="@")]
    """Address that messages come from."""

    smarthost: Annotated[str, Field(pattern=r"^[^\s:]+:\d+$")]
    """Server that takes the messages, HOST:PORT."""

    require_tls: bool = True
    """Whether a server that does not offer TLS is refused."""

    username: OptionalText = None
    """User of the server. Without it, messages are sent without login."""

    password: OptionalSecret = None
    """Password of username."""

    password_from: SecretKey | None = None
    """An existing Secret with that password, in place of password."""

    @model_validator(mode="after")
    def _logs_in_or_does_not(self) -> "Email":
        passwords = [self.password, self.password_from]
        if passwords.count(None) != (2 if self.username is None else 1):
            raise invalid("with username either password or passwordFrom, and neither without it")
        return self


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Webhook:
    """A server that takes alerts as JSON.

    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """

    url: OptionalSecret = None
    """Address that alerts are posted to. It may hold a token, so it is a secret."""

    url_from: SecretKey | None = None
    """An existing Secret with that address, in place of url."""

    @model_validator(mode="after")
    def _has_an_address(self) -> "Webhook":
        if (self.url is None) == (self.url_from is None):
            raise invalid("either url or urlFrom")
        return self


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Receivers:
    """Everybody who is told about the alerts of one severity."""

    severity: LabelValue | None = None
    """Value of the label `severity`, e.g. critical or warning where routes exist already. Empty, it is page
    or ticket."""

    slack: Slack | None = None
    """A channel of Slack."""

    pager_duty: PagerDuty | None = None
    """A service of PagerDuty."""

    email: Email | None = None
    """Messages by e-mail."""

    webhook: Webhook | None = None
    """A server that takes alerts as JSON."""

    @property
    def has_receivers(self) -> bool:
        """Whether anybody is told."""
        return any((self.slack, self.pager_duty, self.email, self.webhook))


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Alerts:
    """Who is told about alerts."""

    page: Receivers = field(default_factory=Receivers)
    """Alerts that wake somebody."""

    ticket: Receivers = field(default_factory=Receivers)
    """Alerts that wait for working hours."""

    @property
    def severities(self) -> Severities:
        """The labels `severity`."""
        return {
            "page": self.page.severity or SEVERITIES["page"],
            "ticket": self.ticket.severity or SEVERITIES["ticket"],
        }

    @property
    def has_receivers(self) -> bool:
        """Whether anybody is told about any alert."""
        return self.page.has_receivers or self.ticket.has_receivers

    @model_validator(mode="after")
    def _severities_differ(self) -> "Alerts":
        if len({*self.severities.values()}) == 1:
            raise invalid("severities of page and ticket that differ")
        return self
