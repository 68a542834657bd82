"""What the lines of a panel are called, with their last and greatest values."""

from collections.abc import Sequence
from dataclasses import dataclass

from canvas import FAINT, ROW, Canvas
from grafana import Line, Panel
from units import write

MOST = 5
"""Lines that a legend names; Grafana's scrolls."""

NUMBER = 86
"""Pixels of a column of numbers."""

SAMPLE, LETTER = 16, 6.7
"""Pixels of the sample of a line, and about those of a letter."""


@dataclass(frozen=True, kw_only=True)
class Legend:
    """The legend of a panel, a table."""

    panel: Panel
    lines: Sequence[Line]
    looks: Sequence[tuple[str, bool]]
    """Colour of each line, and whether it is dashed."""

    @property
    def height(self) -> float:
        """Pixels from its top to its end."""
        if not self.lines:
            return 0
        return ROW * (1 + min(len(self.lines), MOST) + (len(self.lines) > MOST)) + 8

    def draw(self, canvas: Canvas, left: float, top: float, width: float) -> None:
        """Write the table into a width from a point on."""
        right, middle = left + width, top + ROW / 2
        canvas.text(right, middle, "Max", ha="right", color=FAINT)
        canvas.text(right - NUMBER, middle, "Last", ha="right", color=FAINT)
        letters = int((width - 2 * NUMBER - SAMPLE) / LETTER)
        for line, (tint, dashed) in self._ordered()[:MOST]:
            middle += ROW
            canvas.stroke(left, middle, SAMPLE, tint, dashed=dashed)
            name = line.name if len(line.name) <= letters else f"{line.name[: letters - 1]}…"
            canvas.text(left + SAMPLE + 7, middle, name)
            values = line.series.values
            canvas.text(right, middle, write(max(values), self.panel.unit), ha="right")
            canvas.text(right - NUMBER, middle, write(values[-1], self.panel.unit), ha="right")
        if len(self.lines) > MOST:
            canvas.text(left + SAMPLE + 7, middle + ROW, f"and {len(self.lines) - MOST} more", color=FAINT)

    def _ordered(self) -> list[tuple[Line, tuple[str, bool]]]:
        rows = list(zip(self.lines, self.looks, strict=True))
        if self.panel.options["legend"].get("sortBy") == "Max":
            rows.sort(key=lambda row: -max(row[0].series.values))
        return rows
