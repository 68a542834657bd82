import shlex

import pytest

from ops.helm import Release

INPUTS = {
    "name": "prometheus",
    "namespace": "watch",
    "chart": "stack",
    "version": "1.2.3",
    "repositoryOpts": {"repo": "https://charts.example"},
    "timeout": 900,
    "values": {"replicas": 2},
}


def test_the_command_installs_or_upgrades_the_pinned_chart_and_waits():
    assert shlex.split(Release.of(INPUTS).command("values of mine.yaml")) == [
        *("helm", "upgrade", "--install", "prometheus", "stack"),
        *("--repo", "https://charts.example", "--version", "1.2.3", "--namespace", "watch"),
        *("--values", "values of mine.yaml", "--timeout", "900s", "--wait"),
    ]


def test_the_timeout_is_helms_default_unless_it_is_set():
    without = {key: value for key, value in INPUTS.items() if key != "timeout"}

    assert "--timeout" not in Release.of(without).command("-")


def test_a_release_without_a_version_is_an_error():
    with pytest.raises(KeyError, match="version"):
        Release.of({key: value for key, value in INPUTS.items() if key != "version"})
