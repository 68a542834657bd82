import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import SettingsOf
from tests.docs.conftest import PICTURES, Draw, FakePrometheus, answer, series
from tests.monitoring import dashboard_files

pytestmark = pytest.mark.slow

Board = dict[str, Any]
QUEUE = {
    "monitoring": "existing",
    "prometheusUrl": "http://prometheus.monitoring:9090",
    "autoscalingBackend": "keda",
    "autoscalingSignal": "queue-depth",
    "autoscalingTarget": "4",
}
RED, BLUE, GREEN = (242, 73, 92), (87, 148, 242), (115, 191, 105)
ORANGE, P99 = (255, 152, 48), (138, 184, 255)
"""Grafana's, in its dark theme."""


@pytest.fixture
def dashboard(settings_of: SettingsOf) -> str:
    (text,) = dashboard_files(settings_of(**QUEUE), "tiny").values()
    return text


def only(dashboard: str, title: str) -> str:
    """The dashboard with one panel left, at its top."""
    board = json.loads(dashboard)
    board["panels"] = [panel for panel in board["panels"] if panel["title"] == title]
    board["panels"][0]["gridPos"] |= {"x": 0, "y": 0, "w": 24}
    board["annotations"]["list"] = []
    return json.dumps(board)


def picture(folder: Path) -> NDArray[np.uint8]:
    """The picture's pixels, by row, column, and red, green and blue."""
    with Image.open(folder / "picture.png") as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def places(
    pixels: NDArray[np.uint8], color: tuple[int, int, int]
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """The rows and the columns in which a colour is."""
    rows, columns = np.nonzero((pixels == color).all(axis=2))
    assert len(rows), f"no {color} in the picture"
    return rows, columns


def test_every_query_of_the_dashboard_is_asked_with_numbers_for_its_variables(
    draw: Draw, prometheus: FakePrometheus, dashboard: str, tmp_path: Path
):
    drawn = draw("dashboard", dashboard, "--scrape-seconds", "15")

    assert (drawn.returncode, drawn.stderr) == (0, "")
    declared = re.findall(r'"expr": "((?:[^"\\]|\\.)*)"', dashboard)
    wanted = {json.loads(f'"{query}"').replace("$__rate_interval", "60s") for query in declared}
    assert set(prometheus.queries) == wanted
    assert picture(tmp_path).std() > 1


def test_a_line_is_drawn_where_its_values_are(
    draw: Draw, prometheus: FakePrometheus, dashboard: str, tmp_path: Path
):
    heights: list[float] = []
    for value in (0.9, 0.1):
        prometheus.answer = lambda _, start, end, step, value=value: [series({}, start, end, step, value)]
        assert draw("dashboard", only(dashboard, "Latency")).returncode == 0
        shown = picture(tmp_path)
        rows, columns = places(shown, P99)
        # Not the sample of the line in the legend.
        heights.append(float(np.median(rows[columns > shown.shape[1] / 2])))

    above, below = heights
    objective = np.median(places(shown, RED)[0])
    assert above < objective < below


def test_a_panel_without_data_says_so(draw: Draw, prometheus: FakePrometheus, dashboard: str):
    prometheus.answer = lambda query, *span: [] if "kube_deployment" in query else answer(query, *span)

    drawn = draw("dashboard", only(dashboard, "Replicas").replace("kube_horizontal", "kube_deployment"))

    assert (drawn.returncode, drawn.stderr) == (0, "no data: Replicas\n")


def test_nothing_is_missing_where_the_panel_has_words_for_nothing(
    draw: Draw, prometheus: FakePrometheus, dashboard: str
):
    prometheus.answer = lambda *_: []

    drawn = draw("dashboard", only(dashboard, "Refused by reason"))

    assert (drawn.returncode, drawn.stderr) == (0, "")


def test_a_rollout_is_a_vertical_line_at_its_time(
    draw: Draw, prometheus: FakePrometheus, dashboard: str, tmp_path: Path
):
    board = json.loads(only(dashboard, "Queue wait"))
    board["annotations"] = json.loads(dashboard)["annotations"]
    begun: dict[str, float] = {}

    def rollouts(query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        if "kube_replicaset_created" not in query:
            return []
        before, within = start - 10, start + begun["share"] * (end - start)
        return [series({"replicaset": "tiny-1"}, start, end, step, when * 1000) for when in (before, within)]

    columns: list[int] = []
    prometheus.answer = lambda *asked: rollouts(*asked) or answer(*asked)
    for share in (0.25, 0.75):
        begun["share"] = share
        assert draw("dashboard", json.dumps(board)).returncode == 0
        _, where = places(picture(tmp_path), BLUE)
        # One line and its flag: what was before the span is not shown at its edge.
        assert np.ptp(where) < 30
        columns.append(int(np.median(where)))

    width = picture(tmp_path).shape[1]
    assert 0.4 * width < columns[1] - columns[0] < 0.5 * width


def test_a_query_that_is_refused_is_told_and_nothing_is_drawn(
    draw: Draw, prometheus: FakePrometheus, dashboard: str, tmp_path: Path
):
    prometheus.error = "unknown function"

    drawn = draw("dashboard", dashboard)

    assert drawn.returncode == 1
    assert re.fullmatch(r"Prometheus refuses .*\n  unknown function\n", drawn.stderr)
    assert not (tmp_path / "picture.png").exists()


@pytest.mark.parametrize("program", ["dashboard", "scaling"])
def test_a_prometheus_that_is_not_there_is_told(draw: Draw, dashboard: str, program: str):
    drawn = draw(program, dashboard, "--prometheus", "http://127.0.0.1:9")

    assert drawn.returncode == 1
    assert drawn.stderr.startswith("http://127.0.0.1:9 answers as no Prometheus does (")
    assert len(drawn.stderr.splitlines()) == 1


@pytest.mark.parametrize(("text", "told"), [("?", "holds no JSON"), ("{}", "it has no panels")])
def test_what_is_no_dashboard_is_refused(draw: Draw, text: str, told: str):
    drawn = draw("scaling", text)

    assert drawn.returncode == 1
    assert told in drawn.stderr


def test_scaling_shows_load_signal_replicas_and_latency(
    draw: Draw, prometheus: FakePrometheus, dashboard: str, settings_of: SettingsOf, tmp_path: Path
):
    def height(text: str) -> int:
        assert draw("scaling", text).returncode == 0
        return picture(tmp_path).shape[0]

    by_queue = height(dashboard)
    asked = " ".join(prometheus.queries)
    for named in ("request_count_total", "request_queue_depth", "status_replicas_ready", "quantile(0.99"):
        assert named in asked
    by_cpu, by_latency = (
        height(*dashboard_files(settings_of(**config), "tiny").values())
        for config in ({}, {**QUEUE, "autoscalingSignal": "latency"})
    )
    # Latency is shown once, and CPU's load is no signal that stands beside it.
    assert by_cpu == by_latency < by_queue


def test_what_scaled_is_told_with_the_time_from_wanted_to_ready(
    draw: Draw, prometheus: FakePrometheus, dashboard: str, tmp_path: Path
):
    wanted_at, ready_at = 0.4, 0.6

    def scaled(query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        series = answer(query, start, end, step)
        for metric, share in (("spec_replicas{", wanted_at), ("status_replicas_ready", ready_at)):
            if metric in query:
                for value in series[0]["values"]:
                    value[1] = "4" if value[0] >= start + share * (end - start) else "2"
        return series

    prometheus.answer = scaled
    assert draw("scaling", dashboard).returncode == 0

    shown = picture(tmp_path)
    # The line goes from top to bottom of each panel: no column holds more of its colour.
    wanted, ready = (np.bincount(places(shown, colour)[1]).argmax() for colour in (ORANGE, GREEN))
    assert 0.30 < wanted / shown.shape[1] < 0.36
    assert 0.42 < ready / shown.shape[1] < 0.50


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    def load(name: str) -> Any:
        monkeypatch.syspath_prepend(PICTURES)
        return __import__(name)

    return load


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0005, "s", "500 µs"),
        (0.25, "s", "250 ms"),
        (1.5, "s", "1.5 s"),
        (90, "s", "1.5 min"),
        (0, "s", "0 s"),
        (0.999, "percentunit", "99.9%"),
        (72.4, "percent", "72.4%"),
        (536870912, "bytes", "512 MiB"),
        (100, "bytes", "100 B"),
        (1234, "reqps", "1.23 K req/s"),
        (0, "reqps", "0 req/s"),
        (61.5, "watt", "61.5 W"),
        (8, "short", "8"),
        (-0.5, "percentunit", "-50%"),
        (float("inf"), "s", "∞"),
    ],
)
def test_numbers_are_written_as_grafana_writes_them(
    module: Callable[[str], Any], value: float, unit: str, text: str
):
    assert module("units").write(value, unit) == text
