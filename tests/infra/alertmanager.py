"""Alertmanager and its tool amtool, from PATH or from the build of the local cluster.

What the Prometheus operator makes of an AlertmanagerConfig is written down here, as far as routes go. The
end-to-end test has the operator itself.
"""

import shutil
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ops.local.paths import CACHE
from tests.app.process import free_ports

DEFAULT = "default"
"""The receiver of the team's own configuration."""


def _find(name: str) -> str | None:
    built = sorted(CACHE.glob(f"bin/alertmanager-*/{name}"), key=lambda path: path.stat().st_mtime)
    return shutil.which(name) or (str(built[-1]) if built else None)


AMTOOL, ALERTMANAGER = _find("amtool"), _find("alertmanager")
needs_alertmanager = pytest.mark.skipif(
    None in (AMTOOL, ALERTMANAGER), reason="Alertmanager is not on PATH, and not built: make checkers"
)


def configuration(spec: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """Return the configuration of an Alertmanager that has read one AlertmanagerConfig.

    https://prometheus-operator.dev/docs/developer/alerting/#alertmanagerconfig-resource
    """
    of_namespace = f'namespace="{namespace}"'
    route = _route(spec["route"])
    route["matchers"].append(of_namespace)
    return {
        "route": {"receiver": DEFAULT, "routes": [{**route, "continue": True}]},
        "receivers": [{"name": name} for name in (DEFAULT, *(item["name"] for item in spec["receivers"]))],
        "inhibit_rules": [
            {
                "source_matchers": [*_matchers(rule["sourceMatch"]), of_namespace],
                "target_matchers": [*_matchers(rule["targetMatch"]), of_namespace],
                "equal": rule["equal"],
            }
            for rule in spec["inhibitRules"]
        ],
    }


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    times = {"groupWait": "group_wait", "groupInterval": "group_interval"}
    return {
        "receiver": route["receiver"],
        "matchers": _matchers(route["matchers"]),
        "group_by": route["groupBy"],
        **{name: route[key] for key, name in times.items() if key in route},
        "routes": [_route(inner) for inner in route.get("routes", ())],
    }


def _matchers(matchers: list[dict[str, str]]) -> list[str]:
    return [f'{item["name"]}{item["matchType"]}"{item["value"]}"' for item in matchers]


def receivers(file: Path, labels: Mapping[str, str]) -> list[str]:
    """Return who is told about an alert with these labels, as amtool says."""
    given = [f"{name}={value}" for name, value in labels.items()]
    command = [str(AMTOOL), "config", "routes", "test", f"--config.file={file}", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip().split(",")


def check(config: Mapping[str, Any], folder: Path) -> Path:
    """Write a configuration to a file and check it with amtool; return the file."""
    file = folder / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(dict(config)))
    subprocess.run([str(AMTOOL), "check-config", str(file)], check=True, capture_output=True)
    return file


@contextmanager
def running(file: Path, folder: Path) -> Generator[str]:
    """Run an Alertmanager; yield its address."""
    port, _ = free_ports()
    url = f"http://127.0.0.1:{port}"
    command = [str(ALERTMANAGER), f"--config.file={file}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address="]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 30
            while not _is_ready(url):
                assert time.monotonic() < end, "Alertmanager has not started"
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").is_success
    except httpx.TransportError:
        return False
