"""Draws how a service scaled: `python scaling.py DASHBOARD.json PICTURE.png`.

Load, the signal that the autoscaler follows, replicas and latency over the same time, each as the dashboard
asks for it. See `--help`; in an environment of its own.
"""

import sys
from collections.abc import Sequence

import panels
from arguments import Arguments
from canvas import FAINT, SIZE, Canvas
from grafana import Dashboard, Event, Line, Panel, color, read
from prometheus import PictureError, Prometheus, Span

THRESHOLD = "more pods above"
"""Legend of the autoscaler's line, in the panel of the signal that it follows."""

LOAD, REPLICAS, LATENCY = "Answers by code", "Replicas", "Latency"
WANTED, READY = "wanted", "ready"
WIDTH, STRIP, GAP, HEAD = 1200, 215, 8, 52


def main(given: Sequence[str] | None = None) -> int:
    """Draw, and return the exit status."""
    arguments = Arguments.parse(__doc__, given)
    try:
        dashboard = read(arguments.dashboard, sys.stdin)
        with Prometheus(arguments.prometheus) as prometheus:
            shown = [
                (panel, panel.lines(prometheus, arguments.span))
                for panel in (
                    dashboard.panel(LOAD),
                    *signal(dashboard),
                    dashboard.panel(REPLICAS),
                    dashboard.panel(LATENCY),
                )
            ]
        draw(dashboard.title, shown, arguments.span).save(arguments.picture)
    except PictureError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program's own words
        return 1
    return 0


def signal(dashboard: Dashboard) -> list[Panel]:
    """Return the panel of the signal that the autoscaler follows; none where that is CPU or latency."""
    return [
        panel
        for panel in dashboard.panels
        if panel.title != LATENCY
        and any(target.get("legendFormat") == THRESHOLD for target in panel.json.get("targets", ()))
    ]


def moments(lines: Sequence[Line]) -> list[Event]:
    """Return when more pods were first wanted, and when the first of them was ready."""
    found: list[Event] = []
    for name, text, tint in ((WANTED, "more pods wanted", "orange"), (READY, "the first is ready", "green")):
        for line in lines:
            values = line.series.values
            rises = [
                time
                for time, before, after in zip(line.series.times[1:], values, values[1:], strict=False)
                if after > before and (not found or time >= found[0].time)
            ]
            if line.name == name and rises:
                found.append(Event(time=rises[0], text=text, color=color(tint)))
    return found


def draw(title: str, shown: Sequence[tuple[Panel, Sequence[Line]]], span: Span) -> Canvas:
    """Lay the panels out below each other, over the same time."""
    page = Canvas(WIDTH, HEAD + len(shown) * (STRIP + GAP))
    page.text(GAP + 4, HEAD / 2 + 2, f"How {title} scaled", size=SIZE + 4)
    events = [event for panel, lines in shown if panel.title == REPLICAS for event in moments(lines)]
    if len(events) > 1:
        wanted, ready = events
        page.text(
            WIDTH - GAP - 4,
            HEAD / 2 + 2,
            f"more pods wanted, the first of them ready {ready.time - wanted.time:.0f} s later",
            ha="right",
            color=FAINT,
        )
    for index, (panel, lines) in enumerate(shown):
        frame = panels.Frame(
            canvas=page,
            left=GAP,
            top=HEAD + index * (STRIP + GAP),
            width=WIDTH - 2 * GAP,
            height=STRIP,
            span=span,
            events=events,
            aside=True,
        )
        panels.draw(panel, lines, frame)
    return page


if __name__ == "__main__":
    sys.exit(main())
