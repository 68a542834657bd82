"""What a rendered stack tells a person beside its objects."""

import yaml

from ops.program import run
from ops.render import adapter_rule, notes
from tests.conftest import StackOf

GIVEN = "docker.io/acme/tiny@sha256:" + "0" * 64
EXISTING = {
    "monitoring": "existing",
    "autoscalingSignal": "queue-depth",
    "autoscalingTarget": "8",
    "autoscalingBackend": "prometheus-adapter",
}


def test_an_image_by_its_tag_is_said_to_be_one(stack_of: StackOf):
    text = notes(run(stack_of()).outputs)

    assert "docker buildx imagetools inspect docker.io/acme/tiny:0123456789ab-onnx" in text
    assert yaml.safe_load(text) is None


def test_each_image_by_its_tag_is_said_to_be_one():
    digests = {"cats": GIVEN, "dogs": "docker.io/acme/dogs:1-onnx", "mice": "docker.io/acme/mice:1-onnx"}

    text = notes({"images": digests})

    assert GIVEN not in text
    assert "imagetools inspect docker.io/acme/dogs:1-onnx" in text
    assert "imagetools inspect docker.io/acme/mice:1-onnx" in text


def test_nothing_is_said_of_an_image_by_its_digest(stack_of: StackOf):
    assert notes(run(stack_of(image=GIVEN)).outputs) == ""


def test_the_rule_that_an_existing_prometheus_adapter_needs_is_printed(stack_of: StackOf):
    outputs = run(stack_of(**EXISTING, image=GIVEN)).outputs

    text = adapter_rule(outputs)

    assert text
    (rule,) = yaml.safe_load(text.partition(":\n")[2])
    assert rule["name"] == {"as": "slipway_slipway_prod_queue_depth"}
    assert (
        rule["metricsQuery"] == 'sum(request_queue_depth{namespace="slipway-prod",service="model-metrics"})'
    )
    assert notes(outputs).replace("# ", "").split() == text.split()
    assert yaml.safe_load(notes(outputs)) is None


def test_no_rule_is_printed_for_an_adapter_that_is_installed_with_it(stack_of: StackOf):
    secret = {"grafanaAdminPassword": "hunter3"}

    assert adapter_rule(run(stack_of(**EXISTING | {"monitoring": "install"}, secret=secret)).outputs) is None
