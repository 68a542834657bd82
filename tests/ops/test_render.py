import shlex
from textwrap import dedent

import pytest
import yaml

from ops.program import run
from ops.render import to_yaml
from tests.conftest import StackOf


def test_the_yaml_has_every_object(stack_of: StackOf):
    declared = run(stack_of())

    assert list(yaml.safe_load_all(to_yaml(declared))) == declared.objects()


def test_an_object_starts_with_its_version_and_kind(stack_of: StackOf):
    for document in to_yaml(run(stack_of())).split("---\n"):
        keys = [line.partition(":")[0] for line in document.splitlines() if not line.startswith((" ", "-"))]
        assert keys[:3] == ["apiVersion", "kind", "metadata"]


def test_the_same_stack_renders_to_the_same_bytes(stack_of: StackOf):
    assert to_yaml(run(stack_of())) == to_yaml(run(stack_of()))


@pytest.mark.parametrize("password", ["hunter2", "[secret]"])
def test_a_secret_is_left_out_and_a_comment_says_so(stack_of: StackOf, password: str):
    stack = stack_of(registryUsername="someone", pullSecret="true", secret={"registryPassword": password})

    text = to_yaml(run(stack))

    assert "# Secret slipway-prod/model-pull-" in text
    assert "kind: Secret" not in text
    assert password not in text
    # As a Docker configuration would hold it.
    assert "auths" not in text
    assert len([item for item in yaml.safe_load_all(text) if item]) == 8


INSTALL = {"monitoring": "install", "secret": {"grafanaAdminPassword": "[secret]"}}


def test_a_release_is_a_comment_with_its_command_and_values(stack_of: StackOf):
    declared = run(stack_of(**INSTALL))
    (release,) = declared.releases()
    (document,) = [item for item in to_yaml(declared).split("---\n") if item.startswith("# Helm")]

    assert all(line.startswith("#") for line in document.splitlines())
    uncommented = dedent(document.replace("#", " ")).splitlines()
    command, values = uncommented[1].strip(), "\n".join(uncommented[3:])
    assert yaml.safe_load(values) == release.values
    assert shlex.split(command)[:5] == ["helm", "upgrade", "--install", release.name, release.chart]
    assert f"--repo {release.repository} --version {release.version} --namespace monitoring" in command


def test_objects_of_a_kind_that_a_release_defines_come_after_it(stack_of: StackOf):
    text = to_yaml(run(stack_of(**INSTALL)))

    assert text.index("# Helm release monitoring/kube-prometheus-stack") < text.index("kind: ServiceMonitor")
    assert text.index("name: monitoring\n") < text.index("# Helm release")


def test_objects_can_be_applied_if_there_are_releases(stack_of: StackOf):
    declared = run(stack_of(**INSTALL))

    documents = [item for item in yaml.safe_load_all(to_yaml(declared)) if item is not None]

    assert documents == [item for item in declared.objects() if item["kind"] != "Secret"]


def test_a_secret_of_monitoring_is_left_out(stack_of: StackOf):
    config = {**INSTALL, "secret": {"grafanaAdminPassword": "correct horse"}}
    text = to_yaml(run(stack_of(**config)))

    assert "# Secret monitoring/monitoring-grafana-admin-" in text
    assert "correct horse" not in text
