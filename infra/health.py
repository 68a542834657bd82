"""Alerts for what no request shows: no pod is ready, scraped or scaled, or the certificate ends soon.

Some need the series of kube-state-metrics, and those about the certificate need the series of cert-manager.
Where Prometheus does not have these series, the alerts do not fire.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from infra.rules import Rule, RulesArgs, duration
from infra.severities import Severity

UNAVAILABLE_FOR = timedelta(minutes=5)
NOT_SCRAPED_FOR = timedelta(minutes=10)
NOT_SCALED_FOR = timedelta(minutes=15)
"""Longer than a new pod takes until its metrics are known."""

NOT_RENEWED_FOR = timedelta(hours=1)

CERTIFICATE_DAYS: Mapping[Severity, int] = {"page": 3, "ticket": 14}
"""How many days before its end a certificate that should have been renewed raises an alert."""


def health_rules(args: RulesArgs) -> list[Rule]:
    """Return the alerts, without the links to their runbooks."""
    certificate = [] if args.certificate is None else [*_certificate(args, args.certificate)]
    return [_unavailable(args), _not_scraped(args), _not_scaled(args), *certificate]


def _alert(
    args: RulesArgs, name: str, severity: Severity, expr: str, wait: timedelta, summary: str, description: str
) -> Rule:
    return {
        "alert": name,
        "expr": expr,
        "for": duration(wait),
        "labels": {**args.where, "severity": args.severities[severity]},
        "annotations": {"summary": f"{args.subject} {summary}", "description": description},
    }


def _unavailable(args: RulesArgs) -> Rule:
    none_is_ready = f"absent({args.queries.ready()} > 0)"
    if args.can_scale_to_zero:
        # A service that is scaled to zero has no pods on purpose. Only kube-state-metrics shows the
        # difference.
        none_is_ready += f" and on () {args.kubernetes.desired()} > 0"
    return _alert(
        args,
        "ModelUnavailable",
        "page",
        none_is_ready,
        UNAVAILABLE_FOR,
        "has no pod that is ready",
        f"For {duration(UNAVAILABLE_FOR)} no pod has said that its model is loaded, warm and not draining: "
        "there is none, or Prometheus does not reach it.",
    )


def _not_scraped(args: RulesArgs) -> Rule:
    up = args.queries.up()
    return _alert(
        args,
        "ModelNotScraped",
        "ticket",
        f"{args.kubernetes.ready()} - (count({up} == 1) or vector(0)) > 0 or count({up} == 0) > 0",
        NOT_SCRAPED_FOR,
        "has pods that Prometheus does not reach",
        f"For {duration(NOT_SCRAPED_FOR)} Prometheus has had no metrics of {{{{ $value }}}} of the pods. "
        "Their requests are not counted, so the other alerts do not see whether they fail.",
    )


def _not_scaled(args: RulesArgs) -> Rule:
    inactive = f"{args.kubernetes.cannot_scale()} == 1"
    unread = f"{args.kubernetes.unread_metrics()} > 0"
    missing = f"absent({args.kubernetes.bound('max')})"
    return _alert(
        args,
        "ModelNotScaled",
        "ticket",
        f"({inactive} or {unread} or {missing}) and on () {args.kubernetes.desired()} > 0",
        NOT_SCALED_FOR,
        "is not scaled",
        f"For {duration(NOT_SCALED_FOR)} the autoscaler has not known how many pods are needed: it cannot "
        "read a metric that it follows, or there is no autoscaler.",
    )


def _certificate(args: RulesArgs, name: str) -> Iterator[Rule]:
    """Yield an alert for each severity.

    A certificate whose renewal is not due yet raises none, however short its life is.
    https://cert-manager.io/docs/devops-tips/prometheus-metrics/
    """
    expiry, renewal = (
        _of_certificate(args, name, f"certmanager_certificate_{time}_timestamp_seconds")
        for time in ("expiration", "renewal")
    )
    for severity, days in CERTIFICATE_DAYS.items():
        yield _alert(
            args,
            "ModelCertificateExpires",
            severity,
            f"{expiry} - time() < {timedelta(days=days).total_seconds():.0f} and {renewal} < time()",
            NOT_RENEWED_FOR,
            f"has a certificate that ends in less than {days} days",
            f"cert-manager should have renewed the certificate {name} and has not. It ends in "
            "{{ $value | humanizeDuration }}; then clients refuse to connect.",
        )


def _of_certificate(args: RulesArgs, name: str, metric: str) -> str:
    """Return the PromQL of a time of the certificate.

    Where cert-manager is scraped without `honorLabels`, the label `namespace` is that of its own pod.
    """
    namespace = args.queries.namespace
    return (
        f'max({metric}{{name="{name}",namespace="{namespace}"}} '
        f'or {metric}{{name="{name}",exported_namespace="{namespace}"}})'
    )
