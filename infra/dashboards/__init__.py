"""A Grafana dashboard for a deployed model.

Built with Grafana's own SDK, so that what it does not know is a type error and not a blank panel. One
function a panel; the queries are those of the rules and the autoscaler.
"""

import hashlib
import json
from collections.abc import Sequence
from itertools import count

from grafana_foundation_sdk.builders import dashboard, heatmap, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

from infra.dashboards import annotations, batching, objectives, pods, traffic
from infra.dashboards.panels import COLUMNS, VARIABLE
from infra.dashboards.watched import Watched
from infra.settings import Settings

TAG = "slipway"
"""By which Grafana finds the dashboards of all models."""

AnyPanel = heatmap.Panel | stat.Panel | timeseries.Panel
Rows = dict[str, Sequence[Sequence[AnyPanel]]]


def dashboards(settings: Settings, model: str) -> dict[str, str]:
    """Return the dashboards of a deployed model, JSON by file name.

    The same settings give the same text. Grafana's sidecar puts the files of all namespaces into one folder,
    so the name tells the namespace.

    Args:
        settings: the stack's.
        model: the model's name, and so its Deployment's.

    """
    watched = Watched(settings=settings, deployment=model)
    text = json.dumps(_dashboard(watched).build(), cls=JSONEncoder, indent=2, sort_keys=True)
    return {f"{settings.namespace}-{model}.json": text}


def _dashboard(watched: Watched) -> dashboard.Dashboard:
    namespace, model = watched.settings.namespace, watched.deployment
    board = (
        dashboard.Dashboard(f"{model} in {namespace}")
        .uid(_uid(namespace, model))
        .description("A model server: its objectives, its requests, its queue, and its pods.")
        .tags([TAG])
        .readonly()
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable(VARIABLE).label("Data source").type("prometheus"))
        .annotation(annotations.rollouts(watched))
        .annotation(annotations.versions(watched))
    )
    numbers = count(1)
    for title, lines in _rows(watched).items():
        board.with_row(dashboard.Row(title).id(next(numbers)))
        for line in lines:
            for panel in line:
                board.with_panel(panel.id(next(numbers)).span(COLUMNS // len(line)))
    return board


def _rows(watched: Watched) -> Rows:
    """Return the rows by title, and their lines: what users feel first, what causes it below."""
    rows: Rows = {
        "Objectives": (
            (
                objectives.version(watched),
                objectives.ready(watched),
                *(objectives.budget_left(watched, slo) for slo in objectives.SLOS),
            ),
            (objectives.burn_rate(watched), objectives.budgets(watched)),
        ),
        "Requests": (
            (traffic.request_rate(watched), traffic.answers_by_code(watched), traffic.latency(watched)),
            (traffic.latency_heat_map(watched), traffic.errors(watched), traffic.refusals(watched)),
        ),
        "Queue and batches": (
            (
                batching.queue_depth(watched),
                batching.in_flight(watched),
                batching.queue_wait(watched),
                batching.batch_size(watched),
            ),
        ),
        "Pods": (
            (pods.replicas(watched), pods.versions(watched), pods.restarts(watched)),
            (pods.cpu(watched), pods.throttling(watched), pods.memory(watched)),
        ),
    }
    if watched.settings.device == "gpu":
        rows["GPUs"] = ((pods.gpu_use(watched), pods.gpu_memory(watched), pods.gpu_power(watched)),)
    return rows


def _uid(namespace: str, model: str) -> str:
    """Return a name that stays, so that links do; Grafana allows it 40 characters."""
    return f"{TAG}-{hashlib.sha256(f'{namespace}/{model}'.encode()).hexdigest()[:16]}"
