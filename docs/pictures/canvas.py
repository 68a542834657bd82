"""A dark page on which panels are laid out in pixels, from the top left."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

from grafana import Event, Line
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from prometheus import Span
from units import write

PAGE, PANEL, EDGE, GRID = "#111217", "#181b1f", "#2a2c32", "#2a2d33"
TEXT, FAINT = "#d5d5e0", "#9a9aa8"
SIZE = 8.6
"""Points of the text; a picture has twice as many pixels as a screen, and so stays sharp."""

INCH, SHARPNESS = 100, 2
ROW = 17
"""Pixels from one line of a legend to the next."""

mpl.rcParams.update(
    {
        "font.size": SIZE,
        "text.color": TEXT,
        "axes.edgecolor": GRID,
        "axes.facecolor": PANEL,
        "axes.labelcolor": FAINT,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "figure.facecolor": PAGE,
    }
)


class Canvas:
    """A page of so many pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._figure = plt.figure(figsize=(width / INCH, height / INCH))

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes over a rectangle, without a frame."""
        axes = self._figure.add_axes(
            (
                left / self.width,
                1 - (top + height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, pad=5)
        return axes

    def box(self, left: float, top: float, width: float, height: float) -> None:
        """Draw the ground of a panel."""
        axes = self.axes(left, top, width, height)
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        axes.add_patch(
            FancyBboxPatch(
                (1, 1),
                width - 2,
                height - 2,
                boxstyle="round,pad=0,rounding_size=3",
                facecolor=PANEL,
                edgecolor=EDGE,
                linewidth=0.8,
            )
        )

    def text(self, left: float, middle: float, text: str, **look: Any) -> None:  # noqa: ANN401 - matplotlib's own keywords
        """Write a text from a point on, or up to it."""
        self._figure.text(
            left / self.width,
            1 - middle / self.height,
            text,
            va="center",
            **look,  # pyright: ignore
        )

    def stroke(self, left: float, middle: float, width: float, color: str, *, dashed: bool) -> None:
        """Draw the sample of a line that stands in a legend."""
        height = 1 - middle / self.height
        self._figure.add_artist(
            Line2D(
                [left / self.width, (left + width) / self.width],
                [height, height],
                color=color,
                linestyle="--" if dashed else "-",
                linewidth=1.4 if dashed else 2.6,
            )
        )

    def save(self, file: Path) -> None:
        """Write the page as a PNG."""
        self._figure.savefig(file, dpi=INCH * SHARPNESS, metadata={"Software": None})
        plt.close(self._figure)


def clock(axes: Axes, span: Span) -> None:
    """Let the horizontal axis show the span as times of day, in UTC."""
    axes.set_xlim(span.start, span.end)
    length = span.end - span.start
    pixels = axes.get_window_extent().width
    apart = next(
        (seconds for seconds in (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
         if length / seconds * 78 <= pixels),
        172800,
    )  # fmt: skip
    first = math.ceil(span.start / apart) * apart
    ticks = [first + apart * count for count in range(int((span.end - first) // apart) + 1)]
    form = "%H:%M:%S" if apart < 60 else "%H:%M" if length <= 86400 else "%d %b"
    axes.set_xticks(ticks, [datetime.fromtimestamp(tick, UTC).strftime(form) for tick in ticks])


def scale(axes: Axes, unit: str, *, whole: bool = False) -> None:
    """Let the vertical axis show values of a unit, with lines across."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value, unit)))
    steps = [1, 2, 4, 8, 10] if unit == "bytes" else [1, 2, 2.5, 5, 10]
    locator = MaxNLocator(nbins=5, min_n_ticks=1 if whole else 3, integer=whole, steps=steps)
    if unit == "bytes":
        low, high = axes.get_ylim()
        power = 1024 ** math.floor(math.log(max(high, 1), 1024))
        axes.set_yticks([tick * power for tick in locator.tick_values(low / power, high / power)])
        axes.set_ylim(low, high)
    else:
        axes.yaxis.set_major_locator(locator)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def curve(
    axes: Axes,
    line: Line,
    span: Span,
    *,
    color: str,
    dashed: bool = False,
    fill: float = 0,
    step: bool = False,
) -> None:
    """Draw a line, broken where there was nothing to measure."""
    times, values = broken(line.series.times, line.series.values, span.step)
    drawn = "steps-post" if step else "default"
    axes.plot(times, values, color=color, linestyle="--" if dashed else "-", linewidth=1.3, drawstyle=drawn)
    if fill:
        axes.fill_between(times, values, color=color, alpha=fill, linewidth=0, step="post" if step else None)


def broken(times: Sequence[float], values: Sequence[float], step: float) -> tuple[list[float], list[float]]:
    """Return the points with a NaN in each gap."""
    apart: list[float] = []
    shown: list[float] = []
    for time, value in zip(times, values, strict=True):
        if apart and time - apart[-1] > 1.5 * step:
            apart.append(time)
            shown.append(math.nan)
        apart.append(time)
        shown.append(value)
    return apart, shown


def limit(axes: Axes, value: float, color: str) -> None:
    """Draw a line that the others should stay under."""
    axes.axhline(value, color=color, linestyle=(0, (5, 4)), linewidth=1)


def mark(axes: Axes, event: Event) -> None:
    """Draw the vertical line of an annotation, with its flag at the bottom."""
    axes.axvline(event.time, color=event.color, linestyle=(0, (3, 3)), linewidth=1)
    axes.plot(
        [event.time],
        [0],
        marker=6,
        markersize=5,
        color=event.color,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )


def absent(axes: Axes, words: str) -> None:
    """Say that there is nothing to show."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=FAINT)
