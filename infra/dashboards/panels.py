"""The parts that all panels share: data source, style and legend."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

VARIABLE = "datasource"
"""Name of the dashboard's variable that holds the data source."""

DATA_SOURCE = DataSourceRef(type_val="prometheus", uid=f"${{{VARIABLE}}}")
RATE = "$__rate_interval"
"""The range of a rate, which Grafana chooses: at least four scrapes, and more in a coarser picture."""

GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"
SCALES_UP = "more pods above"
"""Legend of the line above which the autoscaler adds pods."""

HEIGHT = 8
COLUMNS = 24


def query(expression: str, legend: str) -> prometheus.Dataquery:
    """Return a query over time. The legend names labels as `{{label}}`."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).range()


def latest(expression: str, legend: str) -> prometheus.Dataquery:
    """Return a query of the present value only."""
    return query(expression, legend).instant()


def steps(*later: tuple[float, str], first: str = GREEN) -> dashboard.ThresholdsConfig:
    """Return thresholds. Each later colour applies from its value on; the first one applies below them."""
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(color=first), *(Threshold(value=value, color=color) for value, color in later)])
    )


def graph(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[prometheus.Dataquery],
    *,
    limit: float | None = None,
    minimum: float | None = 0,
    stacked: bool = False,
) -> timeseries.Panel:
    """Return a graph of lines over time. The legend shows their last and greatest values.

    Args:
        title: What is shown.
        description: What it means, and what to look for.
        unit: A unit of Grafana.
        queries: Each gives one or more lines.
        limit: A value that the lines should stay below, drawn as a dashed line.
        minimum: Start of the axis. None lets Grafana choose.
        stacked: Whether the lines are parts of a whole.

    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit(unit)
        .targets(_with_ref_ids(queries))
        .height(HEIGHT)
        .line_width(1.5)
        .fill_opacity(30 if stacked else 8)
        .show_points(VisibilityMode.NEVER)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
            .sort_by("Max")
            .sort_desc(True)
        )
    )
    if minimum is not None:
        panel.min(minimum)
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if limit is not None:
        panel.thresholds(steps((limit, RED)))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
        # Keeps the limit visible while the lines are far below it.
        panel.axis_soft_max(limit)
    return panel


def number(
    title: str,
    description: str,
    unit: str,
    target: prometheus.Dataquery,
    thresholds: dashboard.ThresholdsConfig,
) -> stat.Panel:
    """Return the latest value as a large number, with its history behind it."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit(unit)
        .targets(_with_ref_ids([target]))
        .height(HEIGHT // 2)
        .thresholds(thresholds)
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def heat_map(title: str, description: str, unit: str, buckets: str) -> heatmap.Panel:
    """Return a histogram over time, with one row for each bucket."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit("reqps")
        .targets(_with_ref_ids([query(buckets, "{{le}}").format(PromQueryFormat.HEATMAP)]))
        .height(HEIGHT)
        .calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").exponent(0.5))
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(AxisPlacement.LEFT))
        .cell_values(heatmap.CellValues().unit("reqps"))
        .show_legend()
    )


def dashed(panel: timeseries.Panel, name: str, color: str) -> timeseries.Panel:
    """Draw the line of a name dashed: it is a bound, not a measurement."""
    return panel.override_by_name(
        name,
        [
            DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 6]}),
            DynamicConfigValue(id_val="custom.fillOpacity", value=0),
            DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color}),
        ],
    )


def _with_ref_ids(queries: Sequence[prometheus.Dataquery]) -> list[Builder[Dataquery]]:
    return [target.ref_id(letter) for target, letter in zip(queries, "ABCDEFGH", strict=False)]
