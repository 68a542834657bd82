"""The policy pack as the engine runs it: a process in an environment of its own, asked by gRPC."""

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2 as protocol
from pulumi.runtime.proto.analyzer_pb2_grpc import AnalyzerStub

from bench.errors import BenchError
from bench.tools import environment
from ops.program import Declared, run
from ops.stack import PROJECT
from policy.rules import RULES, STACK_RULES
from tests.conftest import StackOf

PACK = PROJECT / "policy"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine passes for a text that is not known at preview."""

Analyzer = Callable[[str], AnalyzerStub]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Analyzer]:
    """Start the pack for a stack, as `pulumi preview` does."""
    try:
        python = environment(PACK)
    except BenchError as error:
        command = f"python3.11 -m pip install --requirement {PACK / 'requirements.txt'}"
        pytest.skip(f"the policy pack needs an environment of its own; see why `{command}` fails: {error}")
    started: dict[str, subprocess.Popen[str]] = {}
    channels: list[grpc.Channel] = []

    def start(stack: str) -> AnalyzerStub:
        if stack not in started:
            run_as = {"PULUMI_PROJECT": "slipway", "PULUMI_STACK": stack, "PULUMI_DRY_RUN": "true"}
            started[stack] = subprocess.Popen(
                # https://github.com/pulumi/pulumi/blob/master/sdk/python/lib/pulumi/policy/__main__.py
                [python, "-u", "-m", "pulumi.policy", "127.0.0.1:1", PACK],
                stdout=subprocess.PIPE,
                text=True,
                cwd=PACK,
                env={**os.environ, **run_as},
            )
            stdout = started[stack].stdout
            assert stdout
            channels.append(grpc.insecure_channel(f"127.0.0.1:{int(stdout.readline())}"))
        return AnalyzerStub(channels[[*started].index(stack)])

    yield start
    for channel in channels:
        channel.close()
    for process in started.values():
        process.kill()
        process.communicate()


def asked(resource: Declared, *, protect: bool = False, **changed: Any) -> Any:
    """Return the engine's question about a resource."""
    return protocol.AnalyzeRequest(
        type=resource.type,
        name=resource.name,
        urn=f"urn:pulumi:prod::slipway::{resource.type}::{resource.name}",
        properties=ParseDict({**resource.inputs, **changed}, Struct()),
        options=protocol.AnalyzerResourceOptions(protect=protect),
    )


def declared(stack_of: StackOf, kind: str, **config: Any) -> Declared:
    (found,) = [item for item in run(stack_of(**config)).resources if item.type.endswith(f":{kind}")]
    return found


def with_image(deployment: Declared, image: str) -> Declared:
    deployment.inputs["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return deployment


def found(response: Any) -> list[tuple[str, Any]]:
    return [(item.policyName, item.enforcementLevel) for item in response.diagnostics]


def test_the_engine_is_told_every_rule_and_its_level(analyzer: Analyzer):
    rules = {rule.name for rule in (*RULES, *STACK_RULES)}

    for stack, level in (("prod", protocol.MANDATORY), ("dev", protocol.ADVISORY)):
        info = analyzer(stack).GetAnalyzerInfo(Empty())
        assert {policy.name: policy.enforcementLevel for policy in info.policies} == dict.fromkeys(
            rules, level
        )


@pytest.mark.parametrize(("stack", "level"), [("prod", protocol.MANDATORY), ("dev", protocol.ADVISORY)])
def test_a_tag_stops_production_and_is_only_advice_elsewhere(
    analyzer: Analyzer, stack_of: StackOf, stack: str, level: Any
):
    deployment = declared(stack_of, "Deployment")

    response = analyzer(stack).Analyze(asked(deployment))

    assert found(response) == [("image-by-digest", level)]
    assert response.diagnostics[0].message.endswith("because a tag may be moved")
    assert "Deployment tiny: container server has the image" in response.diagnostics[0].message


def test_an_image_that_is_known_only_later_does_not_stop_a_preview(analyzer: Analyzer, stack_of: StackOf):
    deployment = with_image(declared(stack_of, "Deployment"), UNKNOWN)

    response = analyzer("prod").Analyze(asked(deployment))

    ((name, level),) = found(response)
    assert (name, level) == ("image-by-digest", protocol.ADVISORY)
    assert "can't be known during preview" in response.diagnostics[0].message


def test_an_unknown_value_does_not_hide_what_another_rule_finds(analyzer: Analyzer, stack_of: StackOf):
    deployment = with_image(declared(stack_of, "Deployment"), UNKNOWN)
    del deployment.inputs["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]

    assert ("probes", protocol.MANDATORY) in found(analyzer("prod").Analyze(asked(deployment)))


def test_the_whole_stack_is_judged_for_open_doors(analyzer: Analyzer, stack_of: StackOf):
    def judged(**config: Any) -> list[tuple[str, Any]]:
        resources = [
            protocol.AnalyzerResource(
                type=question.type,
                name=question.name,
                urn=question.urn,
                properties=question.properties,
                options=question.options,
            )
            for question in map(asked, run(stack_of(**config)).resources)
        ]
        return found(analyzer("prod").AnalyzeStack(protocol.AnalyzeStackRequest(resources=resources)))

    assert judged() == [("no-open-door", protocol.MANDATORY)]
    assert judged(serviceType="ClusterIP") == []


@pytest.mark.parametrize(("protect", "rules"), [(False, ["deletion-protection"]), (True, [])])
def test_the_option_protect_is_seen(analyzer: Analyzer, protect: bool, rules: list[str]):
    cluster = Declared(type="aws:eks/cluster:Cluster", name="cluster", inputs={"name": "cats"})

    assert [name for name, _ in found(analyzer("prod").Analyze(asked(cluster, protect=protect)))] == rules
