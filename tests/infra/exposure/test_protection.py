"""The warning of a model that strangers can use."""

import logging
from typing import Any

import pytest

from tests.infra.exposure.conftest import Exposed

INGRESS = {"type": "Ingress", "hosts": ["a.example.com"]}
GATEWAY = {
    "type": "Gateway",
    "hosts": ["a.example.com"],
    "gateway": {"name": "public", "listener": "https"},
}
KEYS = {"access": '{"apiKeysSecret": "keys"}'}
CLOUD = {"cluster": "gke", "clusterName": "theirs", "gcp:project": "acme", "gcp:zone": "europe-west4-a"}
OPEN = "everybody who reaches the {} can use the model"
PLAIN = "API keys cross the {} in plain text"


@pytest.fixture
def warnings(exposed: Exposed, caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that returns the warnings of a run."""

    def run(config: dict[str, str] | None = None, **exposure: Any) -> list[str]:
        caplog.clear()
        exposed(config, **exposure)
        return [record.message for record in caplog.records if record.levelno == logging.WARNING]

    return run


@pytest.mark.parametrize(
    ("config", "exposure", "begin"),
    [
        ({}, {}, OPEN.format("LoadBalancer")),
        ({}, INGRESS, OPEN.format("Ingress")),
        ({}, {**INGRESS, "tls": {"secret": "mine"}}, OPEN.format("Ingress")),
        ({}, GATEWAY, OPEN.format("Gateway")),
        (KEYS, {}, PLAIN.format("LoadBalancer")),
        (KEYS, INGRESS, PLAIN.format("Ingress")),
        (KEYS, GATEWAY, PLAIN.format("Gateway")),
    ],
)
def test_one_sentence_says_what_strangers_can_do(
    warnings: Any, config: dict[str, str], exposure: dict[str, Any], begin: str
):
    (sentence,) = warnings(config, **exposure)

    assert sentence.startswith(begin)


@pytest.mark.parametrize(
    ("config", "exposure"),
    [
        ({}, {"sourceRanges": ["203.0.113.0/24"]}),
        ({}, {"type": "ClusterIP"}),
        ({}, {"type": "NodePort"}),
        (CLOUD, {"internal": True}),
        (KEYS, {**INGRESS, "tls": {"secret": "mine"}}),
        (KEYS, {**GATEWAY, "tls": {"external": True}}),
    ],
)
def test_nothing_is_said_of_a_model_that_is_protected_or_not_public(
    warnings: Any, config: dict[str, str], exposure: dict[str, Any]
):
    assert warnings(config, **exposure) == []
