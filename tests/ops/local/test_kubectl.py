from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.local.kubectl import Kubectl
from tests.ops.conftest import Programs

CONFIG = Path("config")


def test_kubectl_uses_the_kubeconfig_of_the_local_cluster(only: Programs):
    only.add("kubectl", deaf=False)

    Kubectl(None, CONFIG)("apply", "--filename=-", stdin="kind: Pod")

    (call,) = only.calls
    assert call["arguments"] == ["--kubeconfig", "config", "apply", "--filename=-"]
    assert call["stdin"] == "kind: Pod"


def test_a_cluster_from_modules_uses_its_own_kubectl(programs: Programs):
    programs.add("kubectl")
    kubectl = Kubectl(Path("/opt/bin"), CONFIG)

    assert kubectl.command() == "/opt/bin/kubectl --kubeconfig config"
    with pytest.raises(OperationError, match="/opt/bin/kubectl is not on PATH"):
        kubectl("version")


def test_objects_are_decoded_from_json(only: Programs):
    only.add("kubectl", (["get", "pods", "--output=json"], '{"items": []}', 0))

    assert Kubectl(None, CONFIG).get("pods") == {"items": []}


@pytest.mark.parametrize(("status", "is_ready"), [(0, True), (1, False)])
def test_the_api_server_is_ready_if_readyz_succeeds(only: Programs, status: int, is_ready: bool):
    only.add("kubectl", (["get", "--raw=/readyz"], "ok", status))

    assert Kubectl(None, CONFIG).ready() is is_ready
