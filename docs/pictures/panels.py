"""Each kind of panel, drawn as Grafana draws it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import canvas
from canvas import FAINT, PANEL, SIZE, Canvas
from grafana import PALETTE, Event, Line, Panel, color
from legend import Legend
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from prometheus import Span
from units import write

EMBERS = LinearSegmentedColormap.from_list("embers", ["#2b1d16", "#7a3410", "#e06a1c", "#ff9830", "#ffe6c7"])
PAD, HEAD, CLOCK = 12, 34, 24
AXIS = 62
"""Pixels that the vertical axis's numbers take."""

ASIDE = 310
"""Pixels that a legend beside the lines takes."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where a panel goes, in pixels, and what all panels share."""

    canvas: Canvas
    left: float
    top: float
    width: float
    height: float
    span: Span
    events: Sequence[Event]
    aside: bool = False
    """Whether legends stand beside the lines, where a panel is wide."""


def draw(panel: Panel, lines: Sequence[Line], frame: Frame) -> None:
    """Draw a panel with what Prometheus answered."""
    if panel.kind == "row":
        row(panel, frame)
        return
    frame.canvas.box(frame.left, frame.top, frame.width, frame.height)
    frame.canvas.text(frame.left + PAD, frame.top + HEAD / 2 + 1, panel.title, size=SIZE + 0.6)
    {"timeseries": graph, "stat": number, "heatmap": heat_map}[panel.kind](panel, lines, frame)


def row(panel: Panel, frame: Frame) -> None:
    """Draw the heading of a row of panels."""
    frame.canvas.text(
        frame.left + 2, frame.top + frame.height / 2, panel.title, weight="bold", size=SIZE + 1.6
    )


def graph(panel: Panel, lines: Sequence[Line], frame: Frame) -> None:
    """Draw lines over time with their legend."""
    looks = _looks(panel, lines)
    legend = Legend(panel=panel, lines=lines, looks=looks)
    below = 0 if frame.aside else legend.height
    axes = frame.canvas.axes(
        frame.left + AXIS,
        frame.top + HEAD,
        frame.width - AXIS - PAD - (ASIDE if frame.aside else 0),
        frame.height - HEAD - CLOCK - below - PAD / 2,
    )
    if not lines:
        canvas.absent(axes, panel.no_value)
        return
    _curves(axes, panel, lines, looks, frame.span)
    whole = panel.defaults.get("decimals") == 0
    bottom, top = axes.get_ylim()
    top = max(top, panel.custom.get("axisSoftMax", 0) * 1.08, 1 if whole else 0)
    axes.set_ylim(panel.defaults.get("min", bottom), panel.defaults.get("max", top))
    for value, tint in panel.limits:
        canvas.limit(axes, value, color(tint))
    canvas.scale(axes, panel.unit, whole=whole)
    canvas.clock(axes, frame.span)
    for event in frame.events:
        canvas.mark(axes, event)
    if frame.aside:
        left = frame.left + frame.width - ASIDE
        legend.draw(frame.canvas, left, frame.top + HEAD - 8, ASIDE - PAD)
    else:
        legend.draw(frame.canvas, frame.left + PAD, frame.top + frame.height - below, frame.width - 2 * PAD)


def _curves(
    axes: Axes, panel: Panel, lines: Sequence[Line], looks: Sequence[tuple[str, bool]], span: Span
) -> None:
    fill = panel.custom.get("fillOpacity", 0) / 100
    if panel.custom.get("stacking", {}).get("mode", "none") == "normal":
        times, layers = _aligned(lines)
        axes.stackplot(times, *layers, colors=[tint for tint, _ in looks], alpha=max(fill, 0.3), linewidth=0)
        total = [0.0] * len(times)
        for layer, (tint, _) in zip(layers, looks, strict=True):
            total = [sum(pair) for pair in zip(total, layer, strict=True)]
            axes.plot(times, total, color=tint, linewidth=1.3)
        return
    step = panel.custom.get("lineInterpolation") == "stepAfter"
    for line, (tint, dashed) in zip(lines, looks, strict=True):
        canvas.curve(axes, line, span, color=tint, dashed=dashed, fill=0 if dashed else fill, step=step)


def number(panel: Panel, lines: Sequence[Line], frame: Frame) -> None:
    """Draw the latest value in large figures, its course behind it."""
    middle = frame.top + HEAD + (frame.height - HEAD) * 0.36
    if not lines:
        frame.canvas.text(
            frame.left + frame.width / 2, middle, panel.no_value, ha="center", color=FAINT, size=SIZE + 2
        )
        return
    line = lines[0]
    latest = line.series.values[-1]
    tint = color([name for least, name in panel.steps if latest >= least][-1])
    if panel.options.get("textMode") == "name":
        text = "\n".join(line.name for line in lines)
    else:
        text = write(latest, panel.unit)
    if panel.options.get("graphMode") == "area":
        axes = frame.canvas.axes(
            frame.left + 2, frame.top + frame.height * 0.66, frame.width - 4, frame.height * 0.34 - 3
        )
        axes.set_axis_off()
        canvas.curve(axes, line, frame.span, color=tint, fill=0.18)
        axes.set_xlim(frame.span.start, frame.span.end)
    longest = max(1, *map(len, text.split("\n")))
    size = min(24, 1.15 * frame.width / longest, 30 / (text.count("\n") + 1))
    frame.canvas.text(frame.left + frame.width / 2, middle, text, ha="center", color=tint, size=size)


def heat_map(panel: Panel, lines: Sequence[Line], frame: Frame) -> None:
    """Draw the buckets of a histogram, a row each, the fuller the brighter."""
    axes = frame.canvas.axes(
        frame.left + AXIS,
        frame.top + HEAD,
        frame.width - AXIS - PAD - 70,
        frame.height - HEAD - CLOCK - PAD / 2,
    )
    if not lines:
        canvas.absent(axes, panel.no_value)
        return
    bounds, times, cells = buckets(lines)
    # As with Grafana's exponent of a half: the eye tells few from none.
    exponent = panel.options["color"].get("exponent", 1)
    shades = [[math.nan if cell < 1e-9 else cell**exponent for cell in row] for row in cells]
    greatest = max((cell for row in cells for cell in row), default=0) or 1
    half = frame.span.step / 2
    edges = [time - half for time in times] + [times[-1] + half]
    axes.pcolormesh(
        edges,
        range(len(bounds) + 1),
        shades,
        cmap=EMBERS,
        vmin=0,
        vmax=greatest**exponent,
        edgecolors=PANEL,
        linewidth=0.25,
    )
    unit = panel.options["yAxis"].get("unit", "short")
    rows = range(0, len(bounds), 2 if len(bounds) > 9 else 1)
    axes.set_yticks([row + 1 for row in rows], [write(bounds[row], unit) for row in rows])
    axes.grid(color=canvas.GRID, linewidth=0.5, axis="y")
    axes.set_axisbelow(True)
    canvas.clock(axes, frame.span)
    for event in frame.events:
        canvas.mark(axes, event)
    _bar(greatest, panel, frame)


def buckets(lines: Sequence[Line]) -> tuple[list[float], list[float], list[list[float]]]:
    """Return upper bounds, times, and what fell into each bucket at each time: rows by bound.

    Prometheus' buckets hold those below them, too, and come in no order.

    """
    ordered = sorted(lines, key=lambda line: float(line.name))
    times, below = _aligned(ordered)
    cells = [below[0]] + [
        [max(0.0, more - less) for more, less in zip(upper, lower, strict=True)]
        for lower, upper in pairwise(below)
    ]
    return [float(line.name) for line in ordered], times, cells


def _bar(greatest: float, panel: Panel, frame: Frame) -> None:
    axes = frame.canvas.axes(
        frame.left + frame.width - PAD - 58, frame.top + HEAD, 9, frame.height - HEAD - CLOCK - PAD / 2
    )
    axes.imshow([[step] for step in range(64)], cmap=EMBERS, aspect="auto", origin="lower")
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks([0, 63], ["0", write(greatest, panel.unit).replace(" ", "\n")])
    least, most = axes.get_yticklabels()
    least.set_verticalalignment("bottom")
    most.set_verticalalignment("top")


def _looks(panel: Panel, lines: Sequence[Line]) -> list[tuple[str, bool]]:
    """Return the colour of each line, and whether it is dashed."""
    looks: list[tuple[str, bool]] = []
    shades: dict[str, int] = {}
    for index, line in enumerate(lines):
        override = panel.override(line.name)
        tint = PALETTE[index % len(PALETTE)]
        if chosen := override.get("color"):
            tint = color(chosen["fixedColor"])
        if chosen and chosen["mode"] == "shades":
            shades[tint] = shades.get(tint, -1) + 1
            tint = to_hex([part * 0.72 ** shades[tint] for part in to_rgb(tint)])
        dash = override.get("custom.lineStyle", {}).get("fill") == "dash"
        looks.append((tint, dash))
    return looks


def _aligned(lines: Sequence[Line]) -> tuple[list[float], list[list[float]]]:
    """Return all times, and each line's values at them, nothing being zero."""
    times = sorted({time for line in lines for time in line.series.times})
    known = [dict(zip(line.series.times, line.series.values, strict=True)) for line in lines]
    return times, [[values.get(time, 0.0) for time in times] for values in known]
