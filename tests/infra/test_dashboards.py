import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from infra.autoscaling.metric import Metric
from infra.autoscaling.prometheus_adapter import adapter_rules
from infra.settings import Settings
from tests.conftest import SettingsOf
from tests.infra.conftest import GPU, Declare
from tests.infra.exports import CLUSTER, server
from tests.infra.promql import EVERY, names, parse, result
from tests.monitoring import dashboard_files, rule_groups

Board = dict[str, Any]
BoardOf = Callable[..., Board]
KEDA = {
    "monitoring": "existing",
    "prometheusUrl": "http://prometheus.monitoring:9090",
    "autoscalingBackend": "keda",
    "autoscalingTarget": "4",
}
ANY = {**KEDA, "autoscalingSignal": "queue-depth", **GPU}
"""A stack whose dashboard has all panels."""


@pytest.fixture
def board_of(settings_of: SettingsOf) -> BoardOf:
    def board(**config: str) -> Board:
        (text,) = dashboard_files(settings_of(**config), "tiny").values()
        return json.loads(text)

    return board


def panels(board: Board) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel(board: Board, title: str) -> dict[str, Any]:
    (found,) = [board_panel for board_panel in panels(board) if board_panel["title"] == title]
    return found


def expressions(board: Board) -> Iterator[str]:
    yield from (target["expr"] for board_panel in panels(board) for target in board_panel["targets"])
    yield from (annotation["expr"] for annotation in board["annotations"]["list"])


def dashed_lines(panel: dict[str, Any]) -> list[float]:
    defaults = panel["fieldConfig"]["defaults"]
    if "thresholdsStyle" not in defaults.get("custom", {}):
        return []
    return [step["value"] for step in defaults["thresholds"]["steps"] if step["value"] is not None]


def unknown(expressions: Iterable[str], exported: dict[str, set[str]]) -> list[str]:
    """Return the metrics and labels that are named but not exported, with the expression that names them."""
    return [
        f"{metric}{sorted(labels)} in {expression}"
        for expression in expressions
        for metric, labels in names(expression).items()
        if metric not in exported or not labels <= exported[metric]
    ]


def recorded(rules: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    return {rule["record"]: set(rule["labels"]) for rule in rules if "record" in rule}


def rules_of(settings: Settings) -> list[dict[str, Any]]:
    return [rule for group in rule_groups(settings, "tiny", "https://runbooks") for rule in group["rules"]]


@pytest.mark.parametrize("signal", ["queue-depth", "in-flight", "latency"])
def test_every_metric_and_label_that_a_panel_names_is_exported(
    board_of: BoardOf, settings_of: SettingsOf, signal: str
):
    config = {**ANY, "autoscalingSignal": signal}
    exported = {**server(), **CLUSTER, **recorded(rules_of(settings_of(**config)))}

    assert unknown(expressions(board_of(**config)), exported) == []


@pytest.mark.parametrize("fewest", [{}, {"minReplicas": "0", "autoscalingWakeQuery": "vector(1)"}])
def test_every_metric_and_label_that_a_rule_names_is_exported(
    settings_of: SettingsOf, fewest: dict[str, str]
):
    rules = rules_of(settings_of(**ANY, **fewest))

    assert unknown((rule["expr"] for rule in rules), {**server(), **CLUSTER, **recorded(rules)}) == []


@pytest.mark.parametrize("backend", ["keda", "prometheus-adapter"])
@pytest.mark.parametrize("signal", ["queue-depth", "in-flight", "latency"])
def test_every_metric_and_label_that_a_scaler_names_is_exported(
    settings_of: SettingsOf, signal: str, backend: str
):
    settings = settings_of(**{**KEDA, "autoscalingSignal": signal, "autoscalingBackend": backend})
    metric, rules = Metric.of(settings), adapter_rules([settings])

    assert metric
    assert len(rules) == (backend == "prometheus-adapter")
    asked = [
        metric.query,
        *(query for rule in rules for query in (rule["seriesQuery"], rule["metricsQuery"])),
    ]
    assert unknown(asked, server()) == []


def test_a_panel_selects_only_series_of_its_own_namespace(board_of: BoardOf):
    for expression in expressions(board_of(**ANY, namespace="apart")):
        selectors = re.findall(r"\{[^{}]*\}", expression)

        assert selectors or expression.startswith("vector(")
        assert all('namespace="apart"' in selector for selector in selectors), expression


def test_a_legend_names_labels_that_its_query_keeps(board_of: BoardOf):
    for board_panel in panels(board_of(**ANY)):
        for target in board_panel["targets"]:
            # All are of one model, which the title names.
            kept = result(parse(target["expr"])) - {"model"}
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))

            assert kept in (EVERY, named), board_panel["title"]


def test_every_panel_has_a_description_a_unit_and_a_data_source(board_of: BoardOf):
    board = board_of(**ANY)

    (variable,) = board["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    for board_panel in panels(board):
        assert board_panel["description"].endswith("."), board_panel["title"]
        assert board_panel["fieldConfig"]["defaults"]["unit"], board_panel["title"]
        assert board_panel["datasource"] == {"type": "prometheus", "uid": f"${{{variable['name']}}}"}, (
            board_panel["title"]
        )
        assert [target["refId"] for target in board_panel["targets"]] == list(
            "ABCD"[: len(board_panel["targets"])]
        )
        assert all(target["legendFormat"] for target in board_panel["targets"]), board_panel["title"]
    titles = [board_panel["title"] for board_panel in board["panels"]]
    assert len(set(titles)) == len(titles)


def test_panels_do_not_overlap_and_stay_on_the_grid(board_of: BoardOf):
    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        place = panel["gridPos"]
        return {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }

    board = board_of(**ANY)

    for board_panel, other in combinations(board["panels"], 2):
        assert not cells(board_panel) & cells(other), (board_panel["title"], other["title"])
    occupied = set().union(*map(cells, board["panels"]))
    assert max(across for across, _ in occupied) == 23
    # No hole either: every row of the grid is full.
    assert len(occupied) == 24 * (1 + max(down for _, down in occupied))


def test_grafana_reads_back_what_is_written(board_of: BoardOf):
    board = board_of(**ANY)

    again = Dashboard.from_json(board)

    assert again.schema_version == board["schemaVersion"] >= 36
    read = json.loads(json.dumps(again, cls=JSONEncoder))
    # What the SDK does not know of annotations.
    for annotation in board["annotations"]["list"]:
        for key in ("titleFormat", "step", "useValueForTime"):
            annotation.pop(key, None)
    assert read == board
    identifiers = [board_panel["id"] for board_panel in board["panels"]]
    assert len(set(identifiers)) == len(identifiers)


def test_the_same_stack_gives_the_same_text(settings_of: SettingsOf):
    assert dashboard_files(settings_of(), "tiny") == dashboard_files(settings_of(), "tiny")


def test_the_dashboards_of_two_models_have_different_files_and_uids(
    settings_of: SettingsOf,
):
    written = [
        item
        for namespace in ("one", "n" * 63)
        for model in ("tiny", "m" * 63)
        for item in dashboard_files(settings_of(namespace=namespace), model).items()
    ]

    assert len({name for name, _ in written}) == 4
    addresses = {json.loads(text)["uid"] for _, text in written}
    assert len(addresses) == 4
    # Grafana's own rule.
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", address) for address in addresses)


def test_the_panels_of_gpus_are_shown_if_there_are_gpus(board_of: BoardOf):
    def rows(**config: str) -> list[str]:
        return [
            board_panel["title"]
            for board_panel in board_of(**config)["panels"]
            if board_panel["type"] == "row"
        ]

    assert "GPUs" not in rows()
    assert "GPUs" in rows(**GPU)


def test_the_objectives_are_limits_in_the_panels_of_latency_and_errors(board_of: BoardOf):
    assert dashed_lines(panel(board_of(sloLatencySeconds="0.25"), "Latency")) == [0.25]
    assert dashed_lines(panel(board_of(sloAvailability="99.5"), "Error ratio")) == [pytest.approx(0.005)]


@pytest.mark.parametrize(
    ("signal", "title", "bound"),
    [
        ("queue-depth", "Queue depth", "* 4"),
        ("in-flight", "Requests in flight", "* 4"),
        ("latency", "Latency", "vector(4)"),
    ],
)
def test_only_the_panel_of_the_signal_has_the_target_as_a_line(
    board_of: BoardOf, signal: str, title: str, bound: str
):
    board = board_of(**KEDA, autoscalingSignal=signal)

    lines = {
        board_panel["title"]: target["expr"]
        for board_panel in panels(board)
        for target in board_panel["targets"]
        if target["legendFormat"] == "more pods above"
    }
    assert lines.keys() == {title}
    assert lines[title].endswith(bound)


def test_the_panels_select_pods_by_the_name_of_the_deployment(board_of: BoardOf, declare: Declare):
    deployment = declare()["Deployment"]
    name, container = deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]["containers"][0]
    expression = panel(board_of(), "CPU")["targets"][0]["expr"]

    (pattern,) = re.findall(r'pod=~"([^"]+)"', expression)
    assert re.fullmatch(pattern, f"{name}-6f7d9c5b84-x7k2p")
    assert not re.fullmatch(pattern, f"{name}-other-6f7d9c5b84-x7k2p")
    assert f'container="{container["name"]}"' in expression


def test_a_rollout_is_annotated_at_the_creation_of_its_replica_set(board_of: BoardOf):
    (rollouts,) = [
        annotation
        for annotation in board_of()["annotations"]["list"]
        if "kube_replicaset_created" in annotation["expr"]
    ]

    assert rollouts["useValueForTime"] == "on"
    assert rollouts["expr"].endswith("* 1000")
    assert "{{replicaset}}" in rollouts["titleFormat"]


def test_the_panels_of_budgets_use_the_objectives(board_of: BoardOf):
    board = board_of(sloAvailability="99.5", sloWindowDays="15")

    (availability,) = panel(board, "Availability budget left")["targets"]
    assert 'slo="availability"' in availability["expr"]
    assert "99.5 %" in panel(board, "Availability budget left")["description"]
    burn_rate = panel(board, "Burn rate")
    assert burn_rate["targets"][0]["expr"].endswith("/ 0.005")
    # 2 % of 15 days' budget within an hour.
    assert dashed_lines(burn_rate) == [pytest.approx(0.02 * 15 * 24)]


def test_the_panel_of_versions_shows_only_current_versions(board_of: BoardOf):
    (target,) = panel(board_of(), "Model version")["targets"]

    assert target["instant"]
    assert not target.get("range")


@pytest.mark.parametrize(
    ("fewest", "color"), [({}, "red"), ({"minReplicas": "0", "autoscalingWakeQuery": "vector(1)"}, "blue")]
)
def test_no_ready_pod_is_red_unless_the_service_may_scale_to_zero(
    board_of: BoardOf, fewest: dict[str, str], color: str
):
    board = board_of(**ANY, **fewest)

    none, *_ = panel(board, "Ready pods")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert none == {"color": color, "value": None}
