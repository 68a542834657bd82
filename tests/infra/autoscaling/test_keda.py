import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ops.local.binaries import MODULES
from tests.infra.autoscaling.conftest import FROM_ZERO, METRICS, Autoscaler, by, see
from tests.infra.autoscaling.horizontal_pod_autoscaler import by_keda


def prometheus_of(scaled_object: dict[str, Any]) -> set[str]:
    triggers = scaled_object["spec"]["triggers"]
    return {each["metadata"]["serverAddress"] for each in triggers if each["type"] == "prometheus"}


def test_keda_asks_the_prometheus_that_there_is_or_the_one_that_is_installed(autoscaler: Autoscaler):
    # KEDA appends /api/v1/query.
    for url in ("http://prometheus.monitoring:9090", "https://example.com/prometheus"):
        assert prometheus_of(autoscaler(**{**by("keda", **FROM_ZERO), "prometheusUrl": url})) == {url}

    installed = by("keda", monitoring="install", monitoringNamespace="watch", prometheusUrl="")
    found = autoscaler(**installed, secret={"grafanaAdminPassword": "hunter2"})
    assert prometheus_of(found) == {"http://kube-prometheus-stack-prometheus.watch:9090"}


def test_a_service_sleeps_only_where_pods_may_be_none_and_wakes_by_the_query(autoscaler: Autoscaler):
    awake = autoscaler(**by("keda"), autoscalingWakeQuery="sum(ingress_requests)")["spec"]
    assert [trigger["name"] for trigger in awake["triggers"]] == ["signal", "cpu"]
    assert awake["minReplicaCount"] == 2

    spec = autoscaler(**by("keda", **FROM_ZERO), scaleDownStabilizationSeconds="90")["spec"]

    assert spec["minReplicaCount"] == 0
    assert (spec["cooldownPeriod"], spec["initialCooldownPeriod"]) == (90, 90)
    assert spec["pollingInterval"] == 5
    (wake,) = [trigger["metadata"] for trigger in spec["triggers"] if trigger["name"] == "wake"]
    assert (wake["query"], wake["activationThreshold"]) == ("sum(ingress_requests)", "0")


def test_what_wakes_a_service_is_worth_one_pod_and_never_more(autoscaler: Autoscaler):
    spec = autoscaler(**by("keda", "cpu", "", **FROM_ZERO))["spec"]

    for asked_for in (None, 0, 1, 1_000_000):
        answers = {FROM_ZERO["autoscalingWakeQuery"]: asked_for}

        assert by_keda(spec, answers, see(replicas=1)) == 1
        assert by_keda(spec, answers, see(replicas=4, cpu=60)) == 4
        assert by_keda(spec, answers, see(replicas=4, cpu=15)) == 1


def test_keda_may_take_over_and_hand_back(autoscaler: Autoscaler):
    cpu, keda = autoscaler()["metadata"], autoscaler(**by("keda"))["metadata"]

    assert cpu["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}
    # The autoscaler of KEDA's own must not look like one that the program has declared.
    excluded = keda["annotations"]["scaledobject.keda.sh/hpa-excluded-labels"]
    assert keda["labels"][excluded] == "slipway"
    assert cpu["labels"] == keda["labels"]


def keda_sources() -> Path | None:
    """KEDA's sources, in the version that the local cluster runs, where Go has them."""
    pinned = re.search(r"(github.com/kedacore/keda/v2) (v\S+)", (MODULES / "keda" / "go.mod").read_text())
    assert pinned
    try:
        cache = subprocess.run(["go", "env", "GOMODCACHE"], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return None
    folder = Path(cache.strip()) / "{}@{}".format(*pinned.groups())
    return folder if folder.is_dir() else None


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, but for fields that it lacks: the API server would drop them without a word."""
    fields = {key: closed(value) for key, value in schema.get("properties", {}).items()}
    also = {"properties": fields, "additionalProperties": False} if fields else {}
    items = {"items": closed(schema["items"])} if "items" in schema else {}
    return {**schema, **also, **items}


@pytest.fixture
def scaled_object_schema() -> dict[str, Any]:
    sources = keda_sources()
    if sources is None:
        pytest.skip("Go has not downloaded KEDA's sources: make monitoring")
    definition = yaml.safe_load((sources / "config/crd/bases/keda.sh_scaledobjects.yaml").read_text())
    (version,) = definition["spec"]["versions"]
    return closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


@pytest.mark.parametrize("config", [{}, FROM_ZERO])
@pytest.mark.parametrize("signal", METRICS)
def test_a_scaled_object_fits_kedas_schema_with_no_field_that_it_lacks(
    autoscaler: Autoscaler, scaled_object_schema: dict[str, Any], signal: str, config: dict[str, str]
):
    found = autoscaler(**by("keda", signal, **config))

    assert (found["apiVersion"], found["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    jsonschema.validate(found["spec"], scaled_object_schema)

    wrong = json.loads(json.dumps(found["spec"]))
    wrong["triggers"][0]["metrictype"] = "Value"
    with pytest.raises(jsonschema.ValidationError, match="metrictype"):
        jsonschema.validate(wrong, scaled_object_schema)
