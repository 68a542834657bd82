"""The server reads every environment variable that a stack sets in its pods."""

from pathlib import Path
from typing import Any

import pytest

from app.settings import PREFIX
from app.settings import Settings as ServerSettings
from ops.program import run
from tests.conftest import StackOf

GIVEN = {
    "batchSize": "3",
    "queueSize": "77",
    "requestTimeoutSeconds": "7",
    "maxBodyBytes": "4096",
    "threads": "2",
    "otlpEndpoint": "http://collector:4318",
    "logLevel": "debug",
    "access": '{"apiKeysSecret": "keys", "corsOrigins": ["https://a.example.com", "http://localhost:3000"]}',
    "drainDelaySeconds": "4",
    "drainTimeoutSeconds": "11",
}
"""Every setting of a stack that reaches the server, with a value that is not its default."""

EXPECTED: dict[str, Any] = {
    "model_path": "/model",
    "runtime": "onnx",
    "device": "cpu",
    "batch_size": 3,
    "queue_size": 77,
    "request_timeout_seconds": 7,
    "max_body_bytes": 4096,
    "threads": 2,
    "otlp_endpoint": "http://collector:4318/",
    "log_level": "debug",
    "api_keys_path": Path("/etc/slipway/access/keys"),
    "cors_origins": ("https://a.example.com", "http://localhost:3000"),
    "port": 8000,
    "metrics_port": 8001,
    "drain_delay_seconds": 4,
    "drain_timeout_seconds": 11,
}


def environment(stack_of: StackOf) -> dict[str, str]:
    (data,) = [
        manifest["data"]
        for manifest in run(stack_of(**GIVEN)).objects()
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"].startswith("model-config")
    ]
    return data


def test_the_server_reads_every_variable_that_a_stack_sets(stack_of: StackOf):
    read = {
        str(field.validation_alias or f"{PREFIX}{name.upper()}")
        for name, field in ServerSettings.model_fields.items()
    }

    assert set(environment(stack_of)) <= read


def test_the_server_reads_the_values_that_a_stack_sets(stack_of: StackOf, monkeypatch: pytest.MonkeyPatch):
    for name, value in environment(stack_of).items():
        monkeypatch.setenv(name, value)

    settings = ServerSettings.load().model_dump() | {"model_path": str(ServerSettings.load().model_path)}

    assert {name: settings[name] for name in EXPECTED} == EXPECTED
    assert len(EXPECTED) == len(environment(stack_of))
