"""Load a model from a folder of MLflow, without MLflow: https://mlflow.org/docs/latest/ml/model/#storage-format."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml

from model import sources
from model.errors import ExportError, UsageError, quoted
from model.source import Source
from model.sources.kind import Given

FILE = "MLmodel"

FLAVORS = {
    "onnx": "data",
    "xgboost": "data",
    "lightgbm": "data",
    "catboost": "data",
    "sklearn": "pickled_model",
    "pytorch": "model_data",
}
"""The flavors, the preferred one first, with the key of the file's path."""

PROGRAM_FILE, PICKLE_FILE = "model.pt2", "model.pth"
"""The file of the flavor pytorch, by its serialization_format."""

ESTIMATORS = (".skops", ".pkl", ".pickle", ".joblib")
"""The ends of names of files that hold an estimator of Python, whatever library it is of."""


def load(given: Given) -> Source:
    """Load the model by the source of its flavor.

    Raises:
        UsageError: the file of the model can run code, and nothing says that it may.
        ExportError: the folder is none of MLflow, has no flavor that is supported, or cannot be loaded.

    """
    folder = cast(Path, given.model)
    flavors = _flavors(folder)
    flavor = next((name for name in FLAVORS if name in flavors), None)
    if flavor is None:
        raise ExportError(
            f"--mlflow {folder}: has the flavors {', '.join(flavors)}, and {', '.join(FLAVORS)} are "
            "supported. Log the model by the module of its library, as mlflow.sklearn.log_model"
        )
    file = folder / str(flavors[flavor].get(FLAVORS[flavor], ""))
    given.report(f"{folder} holds the flavor {flavor}: {file.relative_to(folder)}")
    if flavor == "pytorch":
        return _pytorch(file, given)
    kind = "sklearn" if file.suffix in ESTIMATORS else flavor
    return _by_kind(kind, replace(given, model=file))


def _flavors(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        content = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
        flavors = content["flavors"]
    except OSError as error:
        raise ExportError(
            f"--mlflow {folder}: {FILE}: {error.strerror}. Give the folder of a model, as "
            "mlflow.artifacts.download_artifacts('models:/NAME/VERSION') returns it"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ExportError(
            f"--mlflow {folder}: {FILE} is damaged ({quoted(error)}): download the model again"
        ) from None
    return cast("Mapping[str, Mapping[str, Any]]", flavors)


def _by_kind(name: str, given: Given) -> Source:
    kind = next(kind for kind in sources.KINDS if kind.module == name)
    options = {option.name: given.options.get(option.name) for option in kind.takes}
    return sources.load(kind, replace(given, options=options))


def _pytorch(folder: Path, given: Given) -> Source:
    """Load a program of torch.export, or a whole module that is pickled."""
    program, pickled = folder / PROGRAM_FILE, folder / PICKLE_FILE
    if program.exists():
        return _by_kind("exported_program", replace(given, model=program))
    if not pickled.exists():
        found = ", ".join(sorted(path.name for path in folder.glob("*"))) or "nothing"
        raise ExportError(
            f"--mlflow {given.model}: {folder.name} holds {found}, and {PROGRAM_FILE} or {PICKLE_FILE} are "
            "supported: log the model again, by mlflow.pytorch.log_model with an input_example"
        )
    if not given.options.get("run_code_in_file"):
        raise UsageError(
            f"--mlflow {given.model}: {pickled.name} is a pickle of a whole module, and loading it can run "
            "code that is in it. If it is your own, add --run-code-in-file; or log it with an input_example "
            "as serialization_format='pt2', which holds none"
        )
    return _by_kind("pickled", replace(given, model=pickled))
