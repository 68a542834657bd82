import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.models import Model
from bench.scenarios import SCENARIOS
from bench.servers import SERVERS, Launch


@pytest.fixture
def model() -> Model:
    return Model(
        name="small",
        artifact=Path("/artifact"),
        sample=np.array([0.1, -2.5], np.float32),
        expected=np.array([1.0], np.float32),
        labels=None,
    )


def numbers(parsed: Any) -> list[float]:
    if isinstance(parsed, dict):
        return numbers(parsed["inputs"][0]["data"] if "inputs" in parsed else parsed["data"])
    return numbers(parsed[0]) if isinstance(parsed[0], list) else parsed


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_gets_the_same_numbers(name: str, model: Model):
    body = json.loads(SERVERS[name].requests["json"](model).body)

    assert np.array(numbers(body), np.float32).tolist() == model.sample.tolist()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_server_of_a_scenario_accepts_a_body_of_it(scenario: Any):
    assert all(scenario.body(SERVERS[name]) for name in scenario.servers)


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_gets_its_model_its_port_and_a_worker_per_core(name: str, model: Model):
    launch = Launch(
        python=Path("/venv/bin/python"),
        model=model,
        cores=7,
        ports=(8001, 8002, 8003),
        folder=Path("/scratch"),
    )
    server = SERVERS[name]
    said = " ".join([*map(str, server.command(launch)), *server.environment(launch).values()])

    assert "8001" in said
    assert "/artifact" in said
    # Ours counts the cores itself.
    assert " 7 " in f" {said} " or name == "slipway"


@pytest.mark.parametrize("name", [name for name in SERVERS if name != "slipway"])
def test_a_peers_packages_are_locked(name: str):
    lock = (SERVERS[name].home / "requirements.txt").read_text()

    for package in SERVERS[name].packages:
        assert f"\n{package}==" in lock
