"""The alerts and dashboards of a model service, made from the settings of a stack."""

from infra.autoscaling import ScalingArgs
from infra.dashboards import dashboards
from infra.dashboards.context import DashboardContext
from infra.objectives import ObjectivesArgs
from infra.queries import Queries, metrics_service
from infra.rules import Group, RulesArgs
from infra.server import ServerArgs
from infra.settings import Settings
from infra.slo import slo_rules


def rule_groups(settings: Settings, model: str, runbooks: str, certificate: str | None = None) -> list[Group]:
    """Return the rules of a model, as `ModelMonitoring` declares them."""
    return slo_rules(
        RulesArgs(
            objectives=ObjectivesArgs.of(settings),
            queries=Queries(namespace=settings.namespace, service=metrics_service(settings.service)),
            model=model,
            runbooks=runbooks,
            can_scale_to_zero=settings.min_replicas == 0,
            certificate=certificate,
        )
    )


def dashboard_files(settings: Settings, model: str) -> dict[str, str]:
    """Return the dashboards of a model by file name, as `ModelMonitoring` declares them."""
    context = DashboardContext(
        namespace=settings.namespace,
        service=settings.service,
        deployment=model,
        objectives=ObjectivesArgs.of(settings),
        scaling=ScalingArgs.of(settings),
        server=ServerArgs.of(settings),
        has_gpus=settings.device == "gpu",
    )
    return dashboards(context)
