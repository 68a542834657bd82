"""What a dashboard's JSON says of its panels, read as Grafana reads it."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from prometheus import Labels, PictureError, Prometheus, Series, Span

PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d")
"""Grafana's classic palette, in the order in which series take from it."""

NO_DATA = "No data"
"""What Grafana writes where there is nothing to show, unless the panel has better words."""

COLORS = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "gray": "#8e8e99",
    "text": "#ccccdc",
}
"""What Grafana's names of colours mean in its dark theme."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A series under the name that its legend has."""

    name: str
    series: Series


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a vertical line marks, at a time in Unix seconds."""

    time: float
    text: str
    color: str


@dataclass(frozen=True)
class Panel:
    """A panel, as the dashboard declares it."""

    json: dict[str, Any]

    @property
    def kind(self) -> str:
        """`row`, `timeseries`, `stat` or `heatmap`."""
        return self.json["type"]

    @property
    def title(self) -> str:
        """What stands above the panel."""
        return self.json.get("title", "")

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Left, top, width and height, on a grid of 24 columns."""
        place = self.json["gridPos"]
        return place.get("x", 0), place.get("y", 0), place["w"], place["h"]

    @property
    def defaults(self) -> dict[str, Any]:
        """How each field is shown, unless an override says otherwise."""
        return self.json["fieldConfig"]["defaults"]

    @property
    def custom(self) -> dict[str, Any]:
        """What the kind of panel adds to the defaults."""
        return self.defaults.get("custom", {})

    @property
    def unit(self) -> str:
        """The unit, by Grafana's id."""
        return self.defaults.get("unit", "short")

    @property
    def no_value(self) -> str:
        """What stands where there is nothing to show."""
        return self.defaults.get("noValue", NO_DATA)

    @property
    def options(self) -> dict[str, Any]:
        """What holds for the whole panel."""
        return self.json.get("options", {})

    @property
    def steps(self) -> list[tuple[float, str]]:
        """The thresholds: from which value on which colour holds."""
        steps = self.defaults.get("thresholds", {}).get("steps", [])
        return [(_or(step.get("value"), -math.inf), step["color"]) for step in steps]

    @property
    def limits(self) -> list[tuple[float, str]]:
        """The thresholds that are drawn as lines."""
        style = self.custom.get("thresholdsStyle", {}).get("mode", "off")
        return [step for step in self.steps if math.isfinite(step[0])] if style != "off" else []

    def override(self, name: str) -> dict[str, Any]:
        """Return what holds for the line of that name alone."""
        return {
            setting["id"]: setting["value"]
            for override in self.json["fieldConfig"].get("overrides", [])
            if _matches(override["matcher"], name)
            for setting in override["properties"]
        }

    def lines(self, prometheus: Prometheus, span: Span) -> list[Line]:
        """Ask for everything that the panel shows."""
        lines: list[Line] = []
        for target in self.json.get("targets", []):
            found = prometheus.over(substitute(target["expr"], span), span)
            answered = [series for series in found if series.times]
            if target.get("instant"):
                now = max((series.times[-1] for series in answered), default=0)
                answered = [series for series in answered if series.times[-1] == now]
            lines += [
                Line(name=legend(target.get("legendFormat", ""), series.labels), series=series)
                for series in answered
            ]
        return lines


class Dashboard:
    """A dashboard's JSON."""

    def __init__(self, json: dict[str, Any]) -> None:
        self._json = json

    @classmethod
    def read(cls, file: TextIO) -> "Dashboard":
        """Read the JSON of a dashboard.

        Raises:
            PictureError: it is none.

        """
        try:
            content = json.load(file)
        except json.JSONDecodeError as error:
            raise PictureError(f"{file.name} holds no JSON ({error})") from error
        if not isinstance(content, dict) or "panels" not in content:
            raise PictureError(f"{file.name} holds no dashboard: it has no panels")
        return cls(content)

    @property
    def title(self) -> str:
        """The dashboard's title."""
        return self._json["title"]

    @property
    def panels(self) -> list[Panel]:
        """The panels, rows among them; those of a folded row are shown, too."""
        return [Panel(panel) for top in self._json["panels"] for panel in (top, *(top.get("panels") or ()))]

    def panel(self, title: str) -> Panel:
        """Return the panel of that title.

        Raises:
            PictureError: there is none.

        """
        for panel in self.panels:
            if panel.title == title:
                return panel
        raise PictureError(f"the dashboard has no panel {title!r}")

    def events(self, prometheus: Prometheus, span: Span) -> Iterator[Event]:
        """Ask for what the annotations mark within the span."""
        for annotation in self._json.get("annotations", {}).get("list", []):
            if not annotation.get("expr"):
                continue
            for series in prometheus.over(substitute(annotation["expr"], span), span):
                at = series.values[-1] / 1000 if annotation.get("useValueForTime") else series.times[0]
                if span.start < at < span.end:
                    yield Event(
                        time=at,
                        text=legend(annotation.get("titleFormat", annotation["name"]), series.labels),
                        color=color(annotation["iconColor"]),
                    )


def substitute(expression: str, span: Span) -> str:
    """Put numbers in the place of the variables that Grafana knows."""
    known = {
        "__rate_interval": f"{span.rate_interval:.0f}s",
        "__interval": f"{max(span.step, 1):.0f}s",
        "__range": f"{span.end - span.start:.0f}s",
    }
    return re.sub(r"\$\{?(__\w+)\}?", lambda found: known.get(found[1], found[0]), expression)


def legend(template: str, labels: Labels) -> str:
    """Put labels in the place of `{{label}}`."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), template)


def color(name: str) -> str:
    """Return a colour of Grafana's as a hexadecimal number."""
    return COLORS.get(name, name)


def read(file: str, stream: TextIO) -> Dashboard:
    """Read a dashboard from a file, or from the stream where the file is `-`."""
    if file == "-":
        return Dashboard.read(stream)
    try:
        with Path(file).open() as opened:
            return Dashboard.read(opened)
    except OSError as error:
        raise PictureError(f"{file} cannot be read: {error.strerror}") from error


def _matches(matcher: dict[str, str], name: str) -> bool:
    pattern = matcher["options"]
    if matcher["id"] == "byRegexp":
        return re.search(pattern.strip("/"), name) is not None
    return matcher["id"] == "byName" and pattern == name


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
