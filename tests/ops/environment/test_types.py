"""The files whose types are not checked where an SDK is missing."""

import subprocess
from pathlib import Path

import pytest

from ops.environment import types as module
from ops.environment.types import SDKS, files_that_import

pytestmark = pytest.mark.slow

CLOUDS = {"infra/clouds/gke.py", "infra/clouds/eks.py", "infra/clouds/aks.py", "infra/registries/ecr.py"}


def test_the_files_that_import_an_sdk_are_found():
    found = {str(path) for path in files_that_import({*SDKS})}

    assert found > CLOUDS
    assert all(path.startswith("infra/") for path in found)


def test_every_file_is_checked_if_no_sdk_is_missing():
    assert files_that_import(set()) == []


def test_the_files_that_are_not_checked_are_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(module, "CONFIG", tmp_path / "pyright.json")
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: done)

    assert module.main() == 0

    told = capsys.readouterr().err
    assert "make clouds" in told
    assert all(path in told for path in CLOUDS)


def test_an_error_in_a_file_without_an_sdk_fails_although_sdks_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "wrong.py").write_text('NUMBER: int = "text"\n')
    (tmp_path / "infra" / "cloud.py").write_text("import pulumi_aws\n\nx: int = pulumi_aws.name\n")
    (tmp_path / "pyproject.toml").write_text('[tool.pyright]\ninclude = ["infra"]\n')
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    monkeypatch.setattr(module, "CONFIG", tmp_path / "build" / "pyright.json")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)

    assert module.main() == 1

    (tmp_path / "infra" / "wrong.py").write_text("NUMBER: int = 1\n")
    assert module.main() == 0
