from pathlib import Path

import pytest

from ops.errors import OperationError
from tests.conftest import VERSION, write_artifact
from tests.infra.conftest import Declare


def version_of(objects: dict) -> str:
    return objects["Deployment"]["metadata"]["labels"]["app.kubernetes.io/version"]


def test_latest_is_the_version_that_the_link_points_to(declare: Declare):
    assert version_of(declare(modelVersion="latest")) == VERSION


def test_an_older_version_is_a_rollback(declare: Declare, models: Path):
    write_artifact(models, "tiny", "ba9876543210")

    assert version_of(declare(modelVersion="ba9876543210")) == "ba9876543210"


def test_the_error_for_a_missing_version_lists_the_exported_ones(declare: Declare):
    with pytest.raises(
        OperationError, match=f"modelVersion: 'nope': .*there are {VERSION}.*model export tiny"
    ):
        declare(modelVersion="nope")


def test_the_error_for_a_missing_model_has_the_command_that_exports_it(declare: Declare):
    with pytest.raises(OperationError, match=r"there is none yet.*`python -m model export other`"):
        declare(model="other")


def test_the_error_for_a_missing_format_lists_the_exported_ones(declare: Declare):
    with pytest.raises(
        OperationError, match=r"runtime: 'torchscript': .* holds onnx; .*--format torchscript"
    ):
        declare(runtime="torchscript")
