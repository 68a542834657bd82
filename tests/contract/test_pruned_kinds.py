"""`make up` without the engine removes every kind of object that a stack may declare, and no other kind.

`tests/infra/test_matrix.py` and `tests/infra/test_every_setting.py` check the first half in
each of their runs.
"""

import json

from ops.apply import CUSTOM_PRUNED, PRUNED
from ops.program import run
from tests.conftest import StackOf
from tests.infra.conftest import EXISTING
from tests.infra.pruning import KEPT, left_behind
from tests.infra.receivers import EXAMPLES as RECEIVERS
from tests.infra.receivers import alerts

BEHIND_INGRESS = {"type": "Ingress", "hosts": ["a.example.com"], "tls": {"clusterIssuer": "ours"}}
BEHIND_GATEWAY = {"type": "Gateway", "hosts": ["a.example.com"], "gateway": {"name": "public"}}
EXAMPLES = (
    {},
    EXISTING,
    {**EXISTING, "autoscalingBackend": "keda"},
    {"exposure": json.dumps(BEHIND_INGRESS)},
    {"exposure": json.dumps(BEHIND_GATEWAY)},
    {**EXISTING, "alerts": alerts(page=RECEIVERS)},
)
"""Settings of stacks that declare every kind between them."""


def test_the_kinds_that_are_pruned_are_those_that_stacks_declare(stack_of: StackOf):
    manifests = [manifest for config in EXAMPLES for manifest in run(stack_of(**config)).objects()]

    assert left_behind(manifests) == set()
    assert {*PRUNED, *CUSTOM_PRUNED} <= {manifest["kind"] for manifest in manifests} - KEPT


def test_a_kind_that_is_not_pruned_is_found():
    job = {"kind": "Job", "metadata": {"name": "model"}}

    assert left_behind([job, {"kind": "Service", "metadata": {}}]) == {"Job"}
