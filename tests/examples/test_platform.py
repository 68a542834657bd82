"""The example of a Pulumi program that imports the components: it runs, and declares valid objects."""

import sys
from typing import Any

import pytest
import yaml

from ops import program
from ops.program import Run, run
from ops.stack import PROJECT, Stack
from tests.infra.schema import misfit

FOLDER = PROJECT / "examples" / "platform"
PROJECT_FILE: dict[str, Any] = yaml.safe_load((FOLDER / "Pulumi.yaml").read_text())


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Run:
    """What the example declares for a stack that sets nothing."""
    monkeypatch.setattr(program, "PROJECT", FOLDER)
    monkeypatch.setattr(sys, "path", [*sys.path])
    name = PROJECT_FILE["name"]
    config = {f"{name}:{key}": schema["default"] for key, schema in PROJECT_FILE["config"].items()}
    return run(Stack(project=name, name="dev", config=config, secret_keys=frozenset()))


def of_kind(declared: Run, kind: str) -> dict[str, dict[str, Any]]:
    return {
        manifest["metadata"]["name"]: manifest for manifest in declared.objects() if manifest["kind"] == kind
    }


def test_it_declares_two_services_in_one_namespace(declared: Run):
    assert of_kind(declared, "Deployment").keys() == {"digits", "cats"}
    assert of_kind(declared, "Namespace").keys() == {"models"}
    namespaces = {manifest["metadata"].get("namespace", "models") for manifest in declared.objects()}
    assert namespaces == {"models"}


def test_everything_that_it_declares_fits_its_schema(declared: Run):
    assert [problem for manifest in declared.objects() if (problem := misfit(manifest))] == []


def test_settings_that_are_not_given_are_left_to_the_server_and_to_kubernetes(declared: Run):
    digits = of_kind(declared, "Deployment")["digits"]["spec"]["template"]["spec"]
    environments = [manifest["data"] for manifest in of_kind(declared, "ConfigMap").values()]

    assert "terminationGracePeriodSeconds" not in digits
    assert {"SLIPWAY_MODEL_PATH", "SLIPWAY_DEVICE", "SLIPWAY_PORT", "SLIPWAY_METRICS_PORT"} in [
        environment.keys() for environment in environments
    ]


def test_the_monitored_one_is_scaled_by_its_own_queue(declared: Run):
    (scaled,) = of_kind(declared, "ScaledObject").values()

    assert scaled["spec"]["scaleTargetRef"] == {"name": "cats"}
    assert 'namespace="models"' in scaled["spec"]["triggers"][0]["metadata"]["query"]
    assert of_kind(declared, "PrometheusRule").keys() == {"cats"}
    assert declared.outputs == {"digits": "http://digits.models.svc", "cats": "pending"}
