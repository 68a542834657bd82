"""Draws a dashboard from live data: `python dashboard.py DASHBOARD.json PICTURE.png`.

Grafana's own look, for pages that show it without one. See `--help`; in an environment of its own.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import panels
from arguments import Arguments
from canvas import FAINT, SIZE, Canvas
from grafana import NO_DATA, read
from prometheus import PictureError, Prometheus

COLUMNS, WIDTH, CELL, GAP, HEAD = 24, 1440, 38, 8, 46


def main(given: Sequence[str] | None = None) -> int:
    """Draw, say which panels had no data, and return the exit status."""
    arguments = Arguments.parse(__doc__, given)
    span = arguments.span
    try:
        dashboard = read(arguments.dashboard, sys.stdin)
        column = (WIDTH - GAP) / COLUMNS
        bottom = max(top + height for _, top, _, height in (panel.place for panel in dashboard.panels))
        canvas = Canvas(WIDTH, HEAD + bottom * CELL + GAP)
        canvas.text(GAP + 4, HEAD / 2 + 3, dashboard.title, size=SIZE + 4)
        canvas.text(WIDTH - GAP - 4, HEAD / 2 + 3, _between(span.start, span.end), ha="right", color=FAINT)
        with Prometheus(arguments.prometheus) as prometheus:
            events = list(dashboard.events(prometheus, span))
            for panel in dashboard.panels:
                left, top, width, height = panel.place
                lines = panel.lines(prometheus, span)
                if not lines and panel.kind != "row" and panel.no_value == NO_DATA:
                    print(f"no data: {panel.title}", file=sys.stderr)  # noqa: T201 - a program's own words
                frame = panels.Frame(
                    canvas=canvas,
                    left=GAP + left * column,
                    top=HEAD + top * CELL,
                    width=width * column - GAP,
                    height=height * CELL - GAP,
                    span=span,
                    events=events,
                )
                panels.draw(panel, lines, frame)
        canvas.save(arguments.picture)
    except PictureError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _between(start: float, end: float) -> str:
    first, last = (datetime.fromtimestamp(time, UTC) for time in (start, end))
    return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M} UTC"


if __name__ == "__main__":
    sys.exit(main())
