"""Run a monitored service on a real cluster: the autoscaler uses Prometheus, and alerts are raised.

The tests run in order and share a Prometheus. The healthy service is monitored from the first to
the last.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import httpx
import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families

from infra.slo import PERIOD_INTERVAL
from ops import apply
from ops.local import monitoring
from ops.local.cluster import driver
from ops.local.kubectl import Kubectl
from ops.models import ensure_artifact
from ops.stack import PROJECT
from tests.e2e.conftest import MODEL, NAMESPACE
from tests.e2e.inbox import Inbox, inbox
from tests.e2e.slow import SHAPE, network
from tests.e2e.watching import (
    LOAD_SECONDS,
    PORTS,
    QUERIES,
    SLOW,
    WATCHED,
    Pods,
    a_stack_like_watched,
    ask,
    firing,
    namespace,
    rises,
    send,
    send_until,
)
from tests.infra.exports import CLUSTER, TARGET
from tests.infra.promql import names

CONNECTIONS = 48
FACTORY = "tests.e2e.slow:network"


@pytest.fixture(scope="module")
def prometheus(kubectl: Kubectl) -> None:  # noqa: ARG001 - there is no cluster before
    monitoring.up()


@pytest.fixture(scope="module")
def watched(kubectl: Kubectl, prometheus: None) -> Iterator[str]:  # noqa: ARG001
    """Deploy a service that scales only by its queue; return its namespace."""
    stack = a_stack_like_watched(
        WATCHED,
        # A pod cannot use more than its limit, so that CPU, the backstop, never asks for another pod.
        cpuRequest="300m",
        cpuLimit="300m",
        targetCpuUtilization="100",
        # What it promises can be held by four such pods.
        sloLatencySeconds="5",
    )
    ensure_artifact(stack)
    # Its last load has left the dev stack more pods, for minutes, than the node has room for beside these.
    kubectl("scale", "deployment", MODEL, f"--namespace={NAMESPACE}", "--replicas=0")
    yield apply.up(stack, kubectl, driver().buildx())["namespace"]
    # Wait for both: what still terminates takes CPU from the tests that follow.
    kubectl("delete", "namespace", namespace(WATCHED), namespace(SLOW), "--ignore-not-found", "--wait=true")


@pytest.fixture(scope="module")
def post() -> Iterator[Inbox]:
    """Return the server that is told about the pages of the slow service."""
    with inbox() as server:
        yield server


@pytest.fixture(scope="module")
def slow(
    kubectl: Kubectl,
    watched: str,  # noqa: ARG001
    post: Inbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Deploy a service whose model needs seconds for an answer; return its namespace."""
    here, address = f"--namespace={namespace(SLOW)}", {"name": "inbox", "key": "url"}
    kubectl("create", "namespace", namespace(SLOW))
    kubectl("create", "secret", "generic", address["name"], f"--from-literal=url={post.url}", here)
    checkpoint = tmp_path_factory.mktemp("slow") / "slow.pt"
    torch.save(network().state_dict(), checkpoint)
    shape = ",".join(map(str, SHAPE))
    directory = PROJECT / "build" / "e2e" / "slow"
    command = (
        *(sys.executable, "-m", "model", "export", "--name", "slow", "--factory", FACTORY),
        *("--checkpoint", str(checkpoint), "--input-shape", shape, "--format", "onnx"),
        *("--output", str(directory)),
    )
    subprocess.run(command, cwd=PROJECT, check=True)
    stack = a_stack_like_watched(
        SLOW,
        model="slow",
        modelDirectory=str(directory),
        batchSize="1",
        cpuRequest="100m",
        cpuLimit="100m",
        minReplicas="1",
        maxReplicas="1",
        alerts=json.dumps({"page": {"webhook": {"urlFrom": address}}}),
    )
    yield apply.up(stack, kubectl, driver().buildx())["namespace"]
    kubectl("delete", "namespace", namespace(SLOW), "--wait=false")


def test_prometheus_scrapes_every_pod(kubectl: Kubectl, watched: str, eventually: Callable):
    def scraped() -> bool:
        up = ask(f'up{{namespace="{watched}",service="model-metrics"}} == 1')
        pods = kubectl.get("pods", f"--namespace={watched}")["items"]
        return {item["metric"]["pod"] for item in up} == {pod["metadata"]["name"] for pod in pods}

    eventually(scraped, 90)


@pytest.mark.usefixtures("watched")
def test_a_burst_adds_pods_and_a_quiet_time_removes_them(kubectl: Kubectl, eventually: Callable):
    eventually(lambda: Pods(kubectl).ready() == 2, 60)
    artifact = ensure_artifact(a_stack_like_watched(WATCHED))
    pods, enough = Pods(kubectl), Event()
    with ThreadPoolExecutor(max_workers=1) as thread:
        burst = thread.submit(send_until, enough, WATCHED, artifact, CONNECTIONS)
        try:
            seconds = eventually(lambda: pods.ready() >= 4, LOAD_SECONDS)
        finally:
            enough.set()
            queue = ask(f"{QUERIES.queue_depth()}[{LOAD_SECONDS}s:15s]")
            waiting = [value for item in queue for _, value in item["values"]]
            sys.stderr.write(f"ready under load: {pods}; every 15 s there waited {waiting}\n")
        answers = burst.result()
    quiet = eventually(lambda: Pods(kubectl).ready() == 2, 300)

    sys.stderr.write(f"{dict(answers)} in {seconds:.0f} s; two were left {quiet:.0f} s later\n")
    assert set(answers) <= {"200", "503"}
    assert answers["200"] > 500
    # It was the queue that asked for them: CPU cannot have.
    why = rises(kubectl)
    assert why
    assert [item for item in why if "external metric" not in item] == []


def panels(kubectl: Kubectl, where: str) -> list[tuple[str, str]]:
    """Return the titles and queries of the dashboard that Grafana would load."""
    found = kubectl.get("configmaps", f"--namespace={where}", "--selector=grafana_dashboard=1")["items"]
    (board,) = [json.loads(text) for item in found for text in item["data"].values()]
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "2m"))
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


def test_every_panel_has_data(kubectl: Kubectl, watched: str, eventually: Callable):
    queries = panels(kubectl, watched)
    assert len(queries) > 15
    # There is a panel of what was refused, too.
    refused = httpx.post(f"http://127.0.0.1:{PORTS[WATCHED]}/predict", json=["no number"])
    assert refused.status_code == 400
    # Of three scrapes two are long enough ago for a rate.
    assert set(send(WATCHED, ensure_artifact(a_stack_like_watched(WATCHED)), 2, 45)) == {"200"}

    without_data = list(queries)

    def all_had_data() -> bool:
        without_data[:] = [(title, query) for title, query in without_data if not ask(query)]
        return not without_data

    # The rules of a budget are evaluated last of all, and no more often than that.
    with suppress(AssertionError):
        eventually(all_had_data, PERIOD_INTERVAL.total_seconds() + 30)
    assert without_data == []


def test_every_rule_is_evaluated_without_an_error(watched: str):
    groups = httpx.get(f"{monitoring.URL}/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups if watched in group["file"] for rule in group["rules"]]

    assert len(rules) > 10
    assert [rule for rule in rules if rule["health"] != "ok"] == []


def test_a_slow_model_raises_an_alert_and_a_healthy_one_does_not(
    watched: str, slow: str, eventually: Callable
):
    (artifact,) = (PROJECT / "build" / "e2e" / "slow" / "slow").glob("latest")
    enough, well = Event(), ensure_artifact(a_stack_like_watched(WATCHED))
    with ThreadPoolExecutor(max_workers=2) as threads:
        of_slow = threads.submit(send_until, enough, SLOW, artifact, 4)
        of_watched = threads.submit(send_until, enough, WATCHED, well, 1)
        try:
            seconds = eventually(lambda: bool(firing(slow)), LOAD_SECONDS)
        finally:
            enough.set()

    sys.stderr.write(
        f"slow: {dict(of_slow.result())}, well: {dict(of_watched.result())}; the page came after "
        f"{seconds:.0f} s\n"
    )
    names = {item["alertname"] for item in firing(slow)}
    assert names
    assert names <= {"ModelLatencyBudgetBurn", "ModelErrorBudgetBurn"}
    assert set(of_watched.result()) == {"200"}
    assert firing(watched) == []


def end_alerts(kubectl: Kubectl, where: str) -> None:
    """Change the rules of a namespace so that no alert fires, and let Prometheus read them at once."""
    (rule,) = kubectl.get("prometheusrules", f"--namespace={where}")["items"]
    groups = rule["spec"]["groups"]
    for group in groups:
        group["interval"] = "5s"
        for item in group["rules"]:
            if "alert" in item:
                item["expr"] = f"({item['expr']}) and on () vector(0) > 0"
    patch = json.dumps({"spec": {"groups": groups}})
    name, here = f"prometheusrule/{rule['metadata']['name']}", f"--namespace={where}"
    kubectl("patch", name, here, "--type=merge", f"--patch={patch}")


def refresh(kubectl: Kubectl, pod: str) -> None:
    """Let the kubelet write changed ConfigMaps into a pod's volumes now, and not within a minute."""
    kubectl("annotate", "pod", pod, "--namespace=monitoring", "--overwrite", f"read-at={time.time()}")


def test_the_page_reaches_its_receiver_once_and_so_does_its_end(
    kubectl: Kubectl, slow: str, post: Inbox, eventually: Callable
):
    told = eventually(lambda: bool(post.of("firing")), 60)
    end_alerts(kubectl, slow)

    def ended() -> bool:
        refresh(kubectl, "prometheus-prometheus-0")
        return bool(post.of("resolved"))

    resolved = eventually(ended, 180)

    sys.stderr.write(f"told after {told:.0f} s, and of the end {resolved:.0f} s later\n")
    # A message is sent again only if an alert has joined.
    assert len({*map(tuple, post.of("firing"))}) == len(post.of("firing"))
    assert len(post.of("resolved")) == 1
    page = post.messages[0]
    assert page["receiver"].startswith(f"{slow}/")
    assert page["receiver"].endswith("/page")
    assert page["commonLabels"]["namespace"] == slow
    assert page["commonLabels"]["severity"] == "page"
    assert {name for alert in page["alerts"] for name in alert["annotations"]} == {
        "summary",
        "description",
        "runbook_url",
    }


def test_the_running_pods_have_every_metric_and_label_in_the_queries(kubectl: Kubectl, watched: str):
    here = f"--namespace={watched}"
    pod = kubectl.get("pods", here)["items"][0]["metadata"]["name"]
    text = kubectl("get", f"--raw=/api/v1/namespaces/{watched}/pods/{pod}:8001/proxy/metrics")
    live = {"up": set(TARGET)}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            live.setdefault(sample.name, set(TARGET)).update(sample.labels)
    rules = [
        rule["expr"]
        for item in kubectl.get("prometheusrules", here)["items"]
        for group in item["spec"]["groups"]
        for rule in group["rules"]
    ]
    scalers = [
        trigger["metadata"]["query"]
        for item in kubectl.get("scaledobjects", here)["items"]
        for trigger in item["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]
    asked = [
        (metric, labels)
        for expression in (*(query for _, query in panels(kubectl, watched)), *rules, *scalers)
        for metric, labels in names(expression).items()
        # Recorded by a rule, or the cluster's own.
        if ":" not in metric and metric not in CLUSTER
    ]

    assert len({metric for metric, _ in asked}) >= 8
    assert [(metric, labels) for metric, labels in asked if not labels <= live.get(metric, set())] == []
