"""Who is told about the alerts of a stack, as an AlertmanagerConfig.

Prometheus decides when an alert fires. Alertmanager decides who is told: it reads each AlertmanagerConfig
that its selector finds, and applies it to the alerts of the same namespace.
https://prometheus-operator.dev/docs/developer/alerting/#alertmanagerconfig-resource
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.labels import COMPONENT, INSTANCE, MONITORING, PART_OF
from infra.queries import metrics_service
from infra.receivers import Receiver, given_secrets, receiver
from infra.settings import Settings
from infra.settings.alerts import Alerts, Receivers
from infra.severities import Severities, Severity

NOBODY = "nobody"
"""The receiver of alerts that no route takes. Nobody is told."""

GROUP_BY = ("namespace", "service")
"""One message for everything that goes wrong with a service at the same time."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """When messages are sent, in durations of Prometheus."""

    group_wait: str
    """How long the first message waits for alerts that follow at once."""

    group_interval: str
    """How long a message waits after the one before, when an alert joins or ends."""

    repeat_interval: str
    """After which time a message is sent again while nothing changes."""


PACES: Mapping[Severity, Pace] = {
    "page": Pace(group_wait="10s", group_interval="1m", repeat_interval="4h"),
    "ticket": Pace(group_wait="1m", group_interval="5m", repeat_interval="24h"),
}


class Matcher(TypedDict):
    """A label that an alert must have."""

    name: str
    matchType: Literal["=", "=~"]
    value: str


class Route(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1alpha1.Route."""

    receiver: str
    matchers: list[Matcher]
    groupBy: list[str]
    groupWait: NotRequired[str]
    groupInterval: NotRequired[str]
    repeatInterval: NotRequired[str]
    routes: NotRequired["list[Route]"]


class InhibitRule(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1alpha1.InhibitRule."""

    sourceMatch: list[Matcher]
    targetMatch: list[Matcher]
    equal: list[str]


class AlertmanagerConfigSpec(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1alpha1.AlertmanagerConfigSpec."""

    route: Route
    inhibitRules: list[InhibitRule]
    receivers: list[Receiver]


@dataclass(frozen=True, kw_only=True)
class AlertingArgs:
    """Whose alerts they are, and who is told."""

    namespace: pulumi.Input[str]
    """Namespace of the services."""

    instance: str
    """Name of the stack."""

    services: Sequence[str]
    """Values of the label `service` of the stack's alerts."""

    alerts: Alerts
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further labels of the AlertmanagerConfig, by which an Alertmanager selects it."""

    has_links: bool = True
    """Whether the alerts link to their runbooks by an address that opens."""

    @classmethod
    def of(cls, models: Sequence[Settings], namespace: pulumi.Input[str], instance: str) -> "AlertingArgs":
        """Take from the settings of all models what concerns the receivers."""
        settings = models[0]
        return cls(
            namespace=namespace,
            instance=instance,
            services=[metrics_service(model.service) for model in models],
            alerts=settings.alerts,
            labels=settings.monitoring_labels,
            has_links=settings.runbook_url is not None,
        )

    @property
    def receivers(self) -> Mapping[Severity, Receivers]:
        """The receivers of each severity that has any."""
        found: dict[Severity, Receivers] = {"page": self.alerts.page, "ticket": self.alerts.ticket}
        return {severity: receivers for severity, receivers in found.items() if receivers.has_receivers}


class Alerting(pulumi.ComponentResource):
    """An AlertmanagerConfig, and a Secret with what its receivers must keep to themselves.

    Example:
        >>> Alerting(
        ...     "alerting",
        ...     AlertingArgs(
        ...         namespace="cats",
        ...         instance=pulumi.get_stack(),
        ...         services=["model-metrics"],
        ...         alerts=Alerts(page=Receivers(slack=Slack(url_from=SecretKey(name="slack", key="url")))),
        ...     ),
        ... )

    """

    def __init__(self, name: str, args: AlertingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Alerting", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        if not args.has_links:
            pulumi.log.warn("runbookUrl is not set: the links in messages to runbooks do not open", self)
        labels = {**PART_OF, INSTANCE: args.instance, COMPONENT: MONITORING}
        secrets = {
            key: value
            for severity, receivers in args.receivers.items()
            for key, value in given_secrets(severity, receivers).items()
        }
        secret: pulumi.Input[str] = ""
        if secrets:
            secret = (
                Secret(
                    f"{name}-receivers",
                    # The engine chooses the name: a new value gives a new Secret, which is read at once.
                    metadata=ObjectMetaArgs(namespace=args.namespace, labels=labels),
                    immutable=True,
                    string_data={key: pulumi.Output.secret(value) for key, value in secrets.items()},
                    opts=child,
                )
                .metadata["name"]
                .apply(str)
            )
        CustomResource(
            f"{name}-config",
            api_version="monitoring.coreos.com/v1alpha1",
            kind="AlertmanagerConfig",
            metadata=ObjectMetaArgs(namespace=args.namespace, labels={**labels, **args.labels}),
            spec=_spec(args, secret),
            opts=child,
        )
        self.register_outputs({})


def _spec(args: AlertingArgs, secret: pulumi.Input[str]) -> AlertmanagerConfigSpec:
    severities = args.alerts.severities
    return {
        "route": {
            "receiver": NOBODY,
            # Alertmanager's operator adds the namespace.
            "matchers": [{"name": "service", "matchType": "=~", "value": "|".join(args.services)}],
            "groupBy": [*GROUP_BY],
            "routes": [_route(severity, severities) for severity in args.receivers],
        },
        "inhibitRules": [
            {
                "sourceMatch": [_has("page", severities)],
                "targetMatch": [_has("ticket", severities)],
                # An objective has an alert of its own, so both are about the same objective.
                "equal": [*GROUP_BY, "alertname"],
            }
        ],
        "receivers": [
            {"name": NOBODY},
            *(receiver(severity, receivers, secret) for severity, receivers in args.receivers.items()),
        ],
    }


def _route(severity: Severity, severities: Severities) -> Route:
    pace = PACES[severity]
    return {
        "receiver": severity,
        "matchers": [_has(severity, severities)],
        "groupBy": [*GROUP_BY],
        "groupWait": pace.group_wait,
        "groupInterval": pace.group_interval,
        "repeatInterval": pace.repeat_interval,
    }


def _has(severity: Severity, severities: Severities) -> Matcher:
    return {"name": "severity", "matchType": "=", "value": severities[severity]}
