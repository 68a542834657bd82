"""What the panels of a dashboard have in common: the data source, the look, the legends."""

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
"""Name of the dashboard's variable for the data source."""

DATA_SOURCE = DataSourceRef(type_val="prometheus", uid=f"${{{VARIABLE}}}")
RATE = "$__rate_interval"
"""The range over which Grafana has a rate taken: at least four scrapes, more where the picture is coarser."""

GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"
SCALES_UP = "more pods above"
"""Legend of the line above which the autoscaler adds pods."""

HEIGHT = 8
COLUMNS = 24


def query(expression: str, legend: str) -> prometheus.Dataquery:
    """Return a query whose legend names labels as `{{label}}`."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).range()


def latest(expression: str, legend: str) -> prometheus.Dataquery:
    """Return a query of how things are now: what was there earlier has no part in it."""
    return query(expression, legend).instant()


def steps(*later: tuple[float, str], first: str = GREEN) -> dashboard.ThresholdsConfig:
    """Return thresholds: the first colour holds until a later one's value is reached."""
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
    least: float | None = 0,
    stacked: bool = False,
) -> timeseries.Panel:
    """Return lines over time, their last and greatest values in the legend.

    Args:
        title: what is shown.
        description: what it means, and what to look for.
        unit: one of Grafana's.
        queries: a line or several each.
        limit: what the lines should stay under, drawn as a dashed line.
        least: where the axis begins; None lets the lines say.
        stacked: whether the lines are parts of a whole.

    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit(unit)
        .targets(_lettered(queries))
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
    if least is not None:
        panel.min(least)
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if limit is not None:
        panel.thresholds(steps((limit, RED)))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
        # Seen also while the lines are far below it.
        panel.axis_soft_max(limit)
    return panel


def number(
    title: str,
    description: str,
    unit: str,
    target: prometheus.Dataquery,
    thresholds: dashboard.ThresholdsConfig,
) -> stat.Panel:
    """Return the latest value in large figures, its course behind it."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit(unit)
        .targets(_lettered([target]))
        .height(HEIGHT // 2)
        .thresholds(thresholds)
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def heat_map(title: str, description: str, unit: str, buckets: str) -> heatmap.Panel:
    """Return the buckets of a histogram over time, a row a bucket."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit("reqps")
        .targets(_lettered([query(buckets, "{{le}}").format(PromQueryFormat.HEATMAP)]))
        .height(HEIGHT)
        .calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").exponent(0.5))
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(AxisPlacement.LEFT))
        .cell_values(heatmap.CellValues().unit("reqps"))
        .show_legend()
    )


def dashed(panel: timeseries.Panel, name: str, color: str) -> timeseries.Panel:
    """Draw the line of that name dashed: a bound, not a measurement."""
    return panel.override_by_name(
        name,
        [
            DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 6]}),
            DynamicConfigValue(id_val="custom.fillOpacity", value=0),
            DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color}),
        ],
    )


def _lettered(queries: Sequence[prometheus.Dataquery]) -> list[Builder[Dataquery]]:
    return [each.ref_id(letter) for each, letter in zip(queries, "ABCDEFGH", strict=False)]
