"""Every combination of cluster, registry, device, runtime, autoscaling and monitoring.

`SLIPWAY_MATRIX=whole` builds every legal combination. Otherwise any two values occur together in one of those
built.
"""

import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest

from ops.program import Run, run
from ops.stack import Stack
from tests.conftest import write_artifact
from tests.infra.conftest import MISSING_SDKS, SDKS
from tests.infra.matrix import CLUSTERS, FOUND, REGISTRIES, Combination, combinations, pairwise
from tests.infra.pruning import left_behind
from tests.infra.schema import misfit
from tests.parsing import problems

pytestmark = pytest.mark.slow

OURS = ("gcp:", "aws:", "azure-native:")
SOMETIMES = {"ScaledObject", "HorizontalPodAutoscaler", "ServiceMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models")
    write_artifact(folder, "tiny", "0123456789ab", ("onnx", "torchscript", "savedmodel"))
    (folder / "tiny" / "latest").symlink_to("0123456789ab")
    return str(folder)


PROD = Stack.read("prod")


def stack_for(combination: Combination, models: str) -> Stack:
    plain, secret = combination.stack_config(models)
    given = {"model": "tiny", "modelVersion": "latest", **plain, **secret}
    config = {key if ":" in key else f"slipway:{key}": value for key, value in given.items()}
    secret_keys = frozenset(f"slipway:{key}" for key in secret)
    return Stack(project=PROD.project, name="prod", config={**PROD.config, **config}, secret_keys=secret_keys)


def wrong_with(combination: Combination, declared: Run, seen: set[str]) -> list[str]:
    """Return what is wrong with a run. Objects in `seen` are known to fit their schema."""
    wrong = []
    types = {resource.type for resource in declared.resources if resource.type.startswith(OURS)}
    if types != combination.cloud_types:
        wrong.append(f"declares {sorted(types ^ combination.cloud_types)} or lacks them")
    charts = {
        resource.inputs["chart"] for resource in declared.resources if resource.type.endswith(":Release")
    }
    if charts != combination.charts:
        wrong.append(f"declares charts {sorted(charts)}, not {sorted(combination.charts)}")
    kinds = {found["kind"] for found in declared.objects()} & SOMETIMES
    if kinds != combination.kinds:
        wrong.append(f"declares {sorted(kinds)}, not {sorted(combination.kinds)}")
    if kinds := left_behind(declared.objects()):
        wrong.append(f"declares {sorted(kinds)}, which ops/apply.py does not prune")
    for found in declared.objects():
        text = json.dumps(found, sort_keys=True)
        if text not in seen and (problem := misfit(found)):
            wrong.append(problem)
        seen.add(text)
    return wrong


def build(some: list[Combination], models: str) -> list[str]:
    """Build some combinations; return what is wrong with them."""
    seen: set[str] = set()
    return [
        f"{', '.join(combination.names)}: {problem}"
        for combination in some
        for problem in wrong_with(combination, run(stack_for(combination, models)), seen)
    ]


def buildable(clusters: dict[str, dict[str, str]]) -> list[Combination]:
    """Return the legal combinations whose SDKs are installed."""
    without = {"ECR"} if SDKS["eks"] in MISSING_SDKS else set[str]()
    return [
        combination
        for combination in combinations(clusters, REGISTRIES)
        if combination.is_legal
        and SDKS.get(combination.config["cluster"]) not in MISSING_SDKS
        and not without & {*combination.names}
    ]


def missing() -> str:
    return f", without {', '.join(sorted(MISSING_SDKS))} (make clouds)," if MISSING_SDKS else ""


def report(capsys: pytest.CaptureFixture[str], what: str, since: float) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n  {what} in {time.monotonic() - since:.0f} s ")


def test_every_valid_pair_of_values_gives_valid_objects(models: str, capsys: pytest.CaptureFixture[str]):
    since = time.monotonic()
    legal = buildable(CLUSTERS | FOUND)
    chosen = pairwise(legal)

    assert build(chosen, models) == []

    report(capsys, f"{len(chosen)} of {len(legal)} legal combinations built{missing()}", since)


@pytest.mark.skipif(os.environ.get("SLIPWAY_MATRIX") != "whole", reason="takes minutes: SLIPWAY_MATRIX=whole")
@pytest.mark.timeout(1800)
def test_every_valid_combination_gives_valid_objects(models: str, capsys: pytest.CaptureFixture[str]):
    since = time.monotonic()
    legal = buildable(CLUSTERS)
    workers = os.cpu_count() or 1
    # Spawned: a forked child would have the locks of the threads, but not the threads.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        found = pool.map(build, [legal[index::workers] for index in range(workers)], [models] * workers)
        assert [problem for some in found for problem in some] == []

    report(capsys, f"{len(legal)} legal combinations built{missing()}", since)


def test_every_invalid_combination_is_refused_with_a_line_per_broken_rule(
    models: str, capsys: pytest.CaptureFixture[str]
):
    since = time.monotonic()
    # No rule looks at the registry.
    illegal = [
        combination
        for combination in combinations(CLUSTERS, {"GCR": REGISTRIES["GCR"]})
        if not combination.is_legal
    ]

    for combination in illegal:
        assert sorted(key for key, _ in problems(stack_for(combination, models))) == sorted(
            combination.broken
        ), combination

    report(capsys, f"{len(illegal)} illegal combinations refused", since)


def test_an_invalid_object_is_found(models: str):
    combination = next(
        combination for combination in combinations(CLUSTERS, REGISTRIES) if combination.is_legal
    )
    declared = run(stack_for(combination, models))
    assert wrong_with(combination, declared, set()) == []

    for manifest in declared.objects():
        if manifest["kind"] == "Deployment":
            manifest["spec"]["replica"] = 1
    elsewhere = replace(combination, config=combination.config | CLUSTERS["aks"])
    wrong = wrong_with(elsewhere, declared, set())

    assert "azure-native:containerservice:ManagedCluster" in wrong[0]
    assert "replica" in wrong[1]
