"""No secret is readable in anything that the program or `ops` emits."""

import base64
import json
import logging
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.mocks import MockEngine, MockMonitor
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from ops import apply, engine
from ops.errors import OperationError
from ops.image import build_and_push
from ops.local.kubectl import Kubectl
from ops.program import run
from ops.render import to_yaml
from ops.stack import Stack
from tests.conftest import StackOf
from tests.infra.conftest import ANSWERS, CLOUD_CONFIG, EXISTING, GPU, STATES, TOKEN
from tests.infra.receivers import EXAMPLES, alerts, given

pytestmark = pytest.mark.usefixtures("clouds")

PASSWORD = "the-registrys-password-Zq3"
GRAFANA = "the-password-of-grafana-Zq4"
KUBECONFIG = "users: [{token: the-token-of-the-cluster-Zq5}]"
OF_THE_CLOUD = "the-certificate-of-the-cloud-Zq6"
API_KEY = "the-key-of-a-client-Zq7"
RECEIVER = "the-address-of-the-receiver-Zq7"
USER = "someone"

SECRETS = (
    PASSWORD,
    GRAFANA,
    RECEIVER,
    KUBECONFIG,
    TOKEN,
    OF_THE_CLOUD,
    API_KEY,
    f"{USER}:{PASSWORD}",
    f"AWS:{TOKEN}",
)

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
STACKS: dict[str, dict[str, str]] = {
    "a private registry": {"registryUsername": USER, "registryPassword": PASSWORD, "pullSecret": "true"},
    "Grafana's password": {"monitoring": "install", "grafanaAdminPassword": GRAFANA},
    "another program's cluster": {"clusterStack": "acme/clusters/prod"},
    "receivers of alerts": {
        **EXISTING,
        "alerts": alerts(page={kind: given(kind, RECEIVER) for kind in EXAMPLES}),
    },
    "a cloud's cluster": CLOUD_CONFIG["aks"] | GPU,
    "Amazon's registry": {"registry": ECR},
    "API keys": {"access": json.dumps({"apiKeys": [API_KEY], "corsOrigins": ["https://app.example.com"]})},
    "everything": {
        "registryUsername": USER,
        "registryPassword": PASSWORD,
        "pullSecret": "true",
        "monitoring": "install",
        "grafanaAdminPassword": GRAFANA,
        **CLOUD_CONFIG["aks"],
    },
}


def spellings(secret: str) -> Iterator[str]:
    """Return the forms of a secret: as it is, and in base64 at each of the three possible offsets."""
    yield secret
    yield urllib.parse.quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    for offset in range(3):
        encoded = base64.b64encode(b"x" * offset + secret.encode()).decode()
        # What stands before and after has a part in the first and last of these letters.
        yield encoded[4 if offset else 0 : -4]


def found_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if any(spelling in text for spelling in spellings(secret))]


def in_the_open(value: Any) -> Any:
    """Return the parts of a value that are not marked as secret."""
    if isinstance(value, dict):
        if value.get(_special_sig_key) == _special_secret_sig:
            return None
        return {key: in_the_open(item) for key, item in value.items()}
    return [in_the_open(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def stack(stack_of: StackOf) -> Callable[[str], Stack]:
    def make(name: str) -> Stack:
        config = STACKS[name]
        hidden = (PASSWORD, GRAFANA, RECEIVER, API_KEY)
        secret = {key: value for key, value in config.items() if any(word in value for word in hidden)}
        return stack_of(secret=secret, **{key: config[key] for key in config.keys() - secret.keys()})

    return make


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return everything that the program sends to the engine."""
    sent: list[dict[str, Any]] = []

    def recording(original: Callable[..., Any]) -> Callable[..., Any]:
        def record(self: Any, request: Any) -> Any:
            sent.append(MessageToDict(request))
            return original(self, request)

        return record

    for method in ("RegisterResource", "RegisterResourceOutputs", "ReadResource", "Invoke"):
        monkeypatch.setattr(MockMonitor, method, recording(getattr(MockMonitor, method)))
    return sent


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clouds and another program's stack that return secrets without marking them."""
    outputs = {"outputs": {"kubeconfig": KUBECONFIG}, "secretOutputNames": []}
    monkeypatch.setitem(STATES, "pulumi:pulumi:StackReference", outputs)
    value = base64.b64encode(OF_THE_CLOUD.encode()).decode()
    token = "azure-native:containerservice:listManagedClusterUserCredentials"
    monkeypatch.setitem(ANSWERS, token, {"kubeconfigs": [{"name": "user", "value": value}]})


@pytest.mark.parametrize("name", STACKS)
def test_a_secret_is_marked_as_secret_for_the_engine(
    stack: Callable[[str], Stack], wire: list[dict[str, Any]], name: str
):
    run(stack(name))

    # It is there, or the search would prove nothing.
    assert found_in(json.dumps(wire))
    assert found_in(json.dumps(in_the_open(wire))) == []


@pytest.mark.parametrize("name", STACKS)
def test_no_secret_is_in_the_rendered_objects_outputs_and_logs(
    stack: Callable[[str], Stack],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    name: str,
):
    caplog.set_level(logging.DEBUG)
    logged: list[str] = []
    monkeypatch.setattr(MockEngine, "Log", lambda _, request: logged.append(request.message))

    declared = run(stack(name))

    assert found_in(to_yaml(declared)) == []
    assert found_in(json.dumps(declared.outputs)) == []
    assert found_in(caplog.text + "".join(logged)) == []
    assert found_in("".join(capfd.readouterr())) == []


RECORDER = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv, dict(os.environ), "" if {deaf} else sys.stdin.read()]) + "\\n")
if "--metadata-file" in sys.argv:
    with open(sys.argv[sys.argv.index("--metadata-file") + 1], "w") as file:
        json.dump({{"containerimage.digest": "sha256:0"}}, file)
print('{{"items": []}}')
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs on PATH that record their command line, environment and input."""
    log = tmp_path / "calls"
    for program, deaf in (("pulumi", True), ("docker", True), ("kubectl", False)):
        file = tmp_path / "bin" / program
        file.parent.mkdir(exist_ok=True)
        file.write_text(RECORDER.format(python=sys.executable, log=str(log), deaf=deaf))
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return log


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_no_secret_is_in_the_arguments_of_a_program(
    stack: Callable[[str], Stack], calls: Path, capfd: pytest.CaptureFixture[str], name: str
):
    target = stack(name)

    engine.check(target, agreed=True)
    engine.up(target, agreed=True)
    engine.destroy(target, agreed=True, has_artifacts=True)
    run(target, lambda inputs: build_and_push(["docker", "buildx"], inputs))
    # What needs a secret is refused by kubectl.
    with suppress(OperationError):
        apply.up(target, Kubectl(None, calls.with_name("kubeconfig")), ["docker", "buildx"])

    text = calls.read_text()
    assert {Path(json.loads(line)[0][0]).name for line in text.splitlines()} >= {"pulumi", "docker"}
    assert found_in(text) == []
    assert found_in("".join(capfd.readouterr())) == []


def test_a_secret_is_found_in_every_encoding():
    for text in (
        f"x{PASSWORD}y",
        urllib.parse.quote(KUBECONFIG, safe=""),
        *(base64.b64encode(f"{'x' * n}{PASSWORD}yy".encode()).decode() for n in range(4)),
        base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    ):
        assert found_in(text), text
    assert found_in("nothing") == []
