"""A Grafana dashboard for a model service.

It is built with Grafana's own SDK, so that a wrong option is a type error and not a blank panel. Each panel
is one function. The queries are shared with the alerts and the autoscaler.
"""

import hashlib
import json
from collections.abc import Sequence
from itertools import count

from grafana_foundation_sdk.builders import dashboard, heatmap, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

from infra.dashboards import annotations, batching, objectives, pods, traffic
from infra.dashboards.context import DashboardContext
from infra.dashboards.panels import COLUMNS, VARIABLE

TAG = "slipway"
"""Tag of the dashboards of all models, to search by in Grafana."""

AnyPanel = heatmap.Panel | stat.Panel | timeseries.Panel
Rows = dict[str, Sequence[Sequence[AnyPanel]]]


def dashboards(context: DashboardContext) -> dict[str, str]:
    """Return the dashboards of a model service: JSON by file name.

    The same context gives the same text. Grafana's sidecar puts the files of all namespaces into one folder,
    so the file name contains the namespace.

    """
    text = json.dumps(_dashboard(context).build(), cls=JSONEncoder, indent=2, sort_keys=True)
    return {f"{context.namespace}-{context.deployment}.json": text}


def _dashboard(context: DashboardContext) -> dashboard.Dashboard:
    namespace, model = context.namespace, context.deployment
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
        .annotation(annotations.rollouts(context))
        .annotation(annotations.versions(context))
    )
    numbers = count(1)
    for title, lines in _rows(context).items():
        board.with_row(dashboard.Row(title).id(next(numbers)))
        for line in lines:
            for panel in line:
                board.with_panel(panel.id(next(numbers)).span(COLUMNS // len(line)))
    return board


def _rows(context: DashboardContext) -> Rows:
    """Return the lines of each row, by the row's title. Symptoms come first, causes below them."""
    rows: Rows = {
        "Objectives": (
            (
                objectives.version(context),
                objectives.ready(context),
                *(objectives.budget_left(context, slo) for slo in objectives.SLOS),
            ),
            (objectives.burn_rate(context), objectives.budgets(context)),
        ),
        "Requests": (
            (traffic.request_rate(context), traffic.answers_by_code(context), traffic.latency(context)),
            (traffic.latency_heat_map(context), traffic.errors(context), traffic.refusals(context)),
        ),
        "Queue and batches": (
            (
                batching.queue_depth(context),
                batching.in_flight(context),
                batching.queue_wait(context),
                batching.batch_size(context),
            ),
        ),
        "Pods": (
            (pods.replicas(context), pods.versions(context), pods.restarts(context)),
            (pods.cpu(context), pods.throttling(context), pods.memory(context)),
        ),
    }
    if context.has_gpus:
        rows["GPUs"] = ((pods.gpu_use(context), pods.gpu_memory(context), pods.gpu_power(context)),)
    return rows


def _uid(namespace: str, model: str) -> str:
    """Return an identifier that never changes, so that links stay valid. Grafana allows 40 characters."""
    return f"{TAG}-{hashlib.sha256(f'{namespace}/{model}'.encode()).hexdigest()[:16]}"
