"""Properties of all settings, tested on random ones."""

import json
import re
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ops.program import run
from tests.conftest import StackOf
from tests.infra.keys import FLAT_KEYS, GROUP_KEYS, SECRETS, names_within
from tests.infra.schema import misfit
from tests.parsing import problems

pytestmark = pytest.mark.slow

KEYS = sorted([*FLAT_KEYS, *GROUP_KEYS])

# Derandomized, for a run to fail or pass as the one before. The fixtures make one folder, which every example
# only reads.
drawn = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def secrets_apart(config: dict[str, str]) -> dict[str, Any]:
    """Return a configuration as `stack_of` takes it, with its secrets apart."""
    plain = {key: value for key, value in config.items() if key not in SECRETS}
    return {**plain, "secret": {key: value for key, value in config.items() if key in SECRETS}}


words = st.text(string.ascii_letters + string.digits + "-._/:", max_size=12)
numbers = st.one_of(st.integers(-10, 10**6), st.floats()).map(str)
tokens = st.sampled_from(
    ["", "true", "gpu", "gke", "keda", "install", "250m", "1Gi", "inf", "1e400", "٣", "\x00"]
)


@drawn
@given(
    config=st.dictionaries(st.sampled_from(KEYS), st.one_of(st.text(), words, numbers, tokens), max_size=8)
)
def test_the_parser_returns_settings_or_reports_errors_for_every_input(
    stack_of: StackOf, config: dict[str, str]
):
    for key, problem in problems(stack_of(**secrets_apart(config))):
        assert key in KEYS or key.startswith(tuple(f"slipway:{group}" for group in GROUP_KEYS))
        assert problem


WORDS = sorted({word for key in GROUP_KEYS for name in names_within(key) for word in re.split(r"\W+", name)})
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10**6), st.floats(allow_nan=False), words, tokens
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(WORDS) | st.text(), inner, max_size=4),
    ),
    max_leaves=8,
)


@drawn
@given(key=st.sampled_from(GROUP_KEYS), value=values)
def test_a_group_of_any_form_is_read_or_its_problems_are_reported_by_their_paths(
    stack_of: StackOf, key: str, value: Any
):
    for path, problem in problems(stack_of(**{key: json.dumps(value)})):
        assert path == key or path.startswith((f"slipway:{key}.", f"slipway:{key}["))
        assert problem


def between(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


@st.composite
def legal(draw: st.DrawFn) -> dict[str, str]:
    """Draw a valid configuration of a stack."""

    def one_of(*values: str) -> str:
        return draw(st.sampled_from(values))

    least, request, memory = draw(st.integers(1, 20)), draw(st.integers(1, 4000)), draw(st.integers(64, 4096))
    monitoring = one_of("none", "existing", "install")
    signal = "cpu" if monitoring == "none" else one_of("cpu", "queue-depth", "in-flight", "latency")
    device = one_of("cpu", "gpu")
    limit = memory + draw(st.integers(0 if device == "cpu" else 2048, 4096))
    # A pod with a GPU cannot follow CPU.
    more = 0 if device == "gpu" and signal == "cpu" else draw(st.integers(0, 20))
    service, delay, drain = (
        one_of("LoadBalancer", "NodePort", "ClusterIP"),
        *draw(st.tuples(st.integers(0, 30), st.integers(10, 60))),
    )
    return {
        "cluster": "kubeconfig",
        "device": device,
        "runtime": "onnx",
        "namespace": draw(st.from_regex(r"[a-z]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True)),
        "minReplicas": str(least),
        "maxReplicas": str(least + more),
        "targetCpuUtilization": draw(between(1, 100)),
        "cpuRequest": f"{request}m",
        "cpuLimit": f"{request + draw(st.integers(0, 4000))}m",
        "memoryRequest": f"{memory}Mi",
        "memoryLimit": f"{limit}Mi",
        "serviceType": service,
        "nodePort": draw(between(30000, 32767)) if service == "NodePort" else "0",
        "batchSize": draw(between(1, 10**4)),
        "queueSize": draw(between(1, 10**6)),
        "requestTimeoutSeconds": draw(between(1, 10)),
        "drainDelaySeconds": str(delay),
        "drainTimeoutSeconds": str(drain),
        "terminationGracePeriodSeconds": str(delay + drain + draw(st.integers(3, 60))),
        "monitoring": monitoring,
        "prometheusUrl": "http://prometheus.monitoring:9090",
        "prometheusStorage": one_of("", "50Gi") if monitoring == "install" else "",
        "grafanaAdminPassword": "hunter3",
        "sloAvailability": draw(st.sampled_from(["90", "99.5", "99.99"])),
        "autoscalingSignal": signal,
        "autoscalingBackend": one_of("hpa-cpu" if signal == "cpu" else "prometheus-adapter", "keda"),
        "autoscalingTarget": "" if signal == "cpu" else str(draw(st.floats(0.001, 1000))),
        "logLevel": one_of("debug", "info", "warning", "error"),
    }


# Each takes long: the first that fails is shown as it was drawn.
@settings(drawn, max_examples=15, phases=[Phase.generate])
@given(config=legal())
def test_valid_settings_give_valid_objects(stack_of: StackOf, config: dict[str, str]):
    declared = run(stack_of(**secrets_apart(config)))

    assert {"Deployment", "Service"} <= {manifest["kind"] for manifest in declared.objects()}
    for manifest in declared.objects():
        # What JSON has no word for, no API server takes.
        json.dumps(manifest, allow_nan=False)
        assert misfit(manifest) is None


BROKEN: dict[str, st.SearchStrategy[str]] = {
    "cluster": words.filter(lambda text: text not in ("local", "kubeconfig", "gke", "eks", "aks")),
    "namespace": st.sampled_from(["Über", "-a", "a_b", "n" * 64]),
    "registry": st.sampled_from(["docker.io", "ghcr.io", "gcr.io/", "https://ghcr.io/acme", "acme/models"]),
    "platform": st.just("linux/s390x"),
    "cpuRequest": st.sampled_from(["0", "lots", "-1", "1Gi", "1e3"]),
    "memoryRequest": st.sampled_from(["0", "1GB", "half", "250m"]),
    "serviceType": st.just("Ingress"),
    "batchSize": between(-100, 0),
    "queueSize": st.sampled_from(["many", "1.5", "0"]),
    "threads": between(-100, -1),
    "otlpEndpoint": st.sampled_from(["collector:4318", "ftp://collector"]),
    "logLevel": st.just("loud"),
    "sloWindowDays": st.sampled_from(["1", "365"]),
    "targetCpuUtilization": st.sampled_from(["0", "101"]),
    "gpuMinNodes": between(-100, -1),
}
"""Values that are wrong whatever else is set."""


@drawn
@given(
    config=legal(),
    broken=st.lists(st.sampled_from(sorted(BROKEN)), unique=True, max_size=len(BROKEN)).flatmap(
        lambda keys: st.fixed_dictionaries({key: BROKEN[key] for key in keys})
    ),
)
def test_every_invalid_value_is_reported_and_no_valid_one(
    stack_of: StackOf, config: dict[str, str], broken: dict[str, str]
):
    found = problems(stack_of(**secrets_apart({**config, **broken})))

    assert sorted(key for key, _ in found) == sorted(broken)
    for key, problem in found:
        assert problem.startswith(f"{broken[key]!r}: "), key


@drawn
@given(secret=st.text(string.ascii_letters, min_size=12, max_size=40), config=legal())
def test_no_problem_repeats_a_secret(stack_of: StackOf, secret: str, config: dict[str, str]):
    given_settings = {**config, "registryPassword": secret, "logLevel": "loud", "pullSecret": "perhaps"}

    assert secret not in str(problems(stack_of(**secrets_apart(given_settings))))
    plain = stack_of(**{key: value for key, value in given_settings.items() if key != "grafanaAdminPassword"})
    assert secret not in str(problems(plain))
