"""Prometheus' own tool promtool, from PATH or from the build of the local cluster.

Its tests: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.rules import Group
from ops.local.paths import CACHE

Case = dict[str, Any]
Series = dict[str, str]
"""Samples in promtool's notation, a minute apart, by series."""


def find_promtool() -> str | None:
    """Return the newest promtool that is available."""
    built = sorted(CACHE.glob("bin/*/promtool"), key=lambda path: path.stat().st_mtime)
    return shutil.which("promtool") or (str(built[-1]) if built else None)


PROMTOOL = find_promtool()
needs_promtool = pytest.mark.usefixtures("promtool_is_there")


def promtool(
    folder: Path,
    groups: list[Group],
    cases: list[Case],
    interval: str = "5m",
    *,
    others: Sequence[list[Group]] = (),
) -> None:
    """Check rules with promtool, and run tests of them. `others` are groups of further PrometheusRules."""
    files = {f"rules-{number}.yaml": of_file for number, of_file in enumerate([groups, *others])}
    for name, of_file in files.items():
        # JSON is YAML, and quicker to write.
        (folder / name).write_text(json.dumps({"groups": of_file}))
    tests = {"rule_files": [*files], "evaluation_interval": interval, "tests": cases}
    (folder / "tests.yaml").write_text(json.dumps(tests))
    checks = [["check", "rules", "--lint=all", "--lint-fatal", name] for name in files]
    for command in (*checks, ["test", "rules", "tests.yaml"]):
        done = subprocess.run([str(PROMTOOL), *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[:4000]


def case(name: str, input_series: Series, **tests: Any) -> Case:
    """Return a test: the input series and the expected results."""
    given = [{"series": name, "values": values} for name, values in input_series.items()]
    return {"name": name, "interval": "1m", "input_series": given, **tests}


def says(eval_time: str, query: str, samples: dict[str, float]) -> Case:
    """Return the expected result of a query at a time, by series."""
    given = [{"labels": labels, "value": value} for labels, value in samples.items()]
    return {"eval_time": eval_time, "expr": query, "exp_samples": given}


def series(metric: str = "", **labels: Any) -> str:
    """Return a series in promtool's notation."""
    return metric + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
