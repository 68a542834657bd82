"""Folders of MLflow, as MLflow 3 writes them."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from model.errors import ExportError, UsageError
from model.sources.mlflow import load
from tests.model.tabular import given


def folder(path: Path, flavor: str, **keys: str) -> Path:
    path.mkdir(exist_ok=True)
    flavors = {"python_function": {"loader_module": f"mlflow.{flavor}"}, flavor: keys}
    (path / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors, "mlflow_version": "3.17.2"}))
    return path


ROWS = np.random.default_rng(0).random((20, 3)).astype(np.float32)


@pytest.mark.slow
def test_a_pipeline_of_scikit_learn_is_loaded_by_its_own_source(tmp_path):
    pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed here")
    io = pytest.importorskip("skops.io", reason="the extra sklearn is not installed here")
    from sklearn.linear_model import LogisticRegression

    where = folder(tmp_path / "saved", "sklearn", pickled_model="model.skops", serialization_format="skops")
    model = LogisticRegression().fit(ROWS, ROWS[:, 0] > 0.5)
    io.dump(model, where / "model.skops")

    source = load(given(where, {"x": ROWS}))

    np.testing.assert_allclose(
        source.eager(source.samples)["probabilities"], model.predict_proba(ROWS), atol=1e-6
    )


@pytest.mark.slow
def test_an_estimator_of_a_booster_is_loaded_by_the_source_of_its_library(tmp_path):
    pytest.importorskip("onnxmltools", reason="the extra lightgbm is not installed here")
    lightgbm = pytest.importorskip("lightgbm", reason="the extra lightgbm is not installed here")
    data = lightgbm.Dataset(ROWS, ROWS[:, 0].copy())
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 1}, data, 3)

    where = folder(tmp_path / "saved", "lightgbm", data="model.lgb")
    booster.save_model(where / "model.lgb")

    source = load(given(where, {"x": ROWS}))

    np.testing.assert_allclose(source.eager(source.samples)["prediction"], booster.predict(ROWS), atol=1e-6)


@pytest.mark.slow
def test_a_module_is_unpickled_only_where_its_code_may_run(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
    where = folder(tmp_path / "saved", "pytorch", model_data="data")
    (where / "data").mkdir()
    module = torch.nn.Linear(3, 2)
    torch.save(module, where / "data" / "model.pth")

    with pytest.raises(UsageError, match=r"model\.pth is a pickle .* add --run-code-in-file"):
        load(given(where, {"input": ROWS}))
    source = load(given(where, {"input": ROWS}, run_code_in_file=True))

    expected = module(torch.from_numpy(ROWS)).detach().numpy()
    np.testing.assert_allclose(source.eager(source.samples)["output"], expected, atol=1e-6)


def test_a_flavor_that_is_not_supported_is_refused_with_those_that_are(tmp_path):
    where = folder(tmp_path / "saved", "prophet", data="model.json")

    with pytest.raises(ExportError, match=r"flavors prophet, python_function, and onnx, .* are supported"):
        load(given(where, None))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "MLmodel: No such file"), ("flavors: [", "MLmodel is damaged"), ("a: b", "MLmodel is damaged")],
)
def test_a_folder_that_is_none_of_mlflow_is_refused(content, message, tmp_path):
    if content is not None:
        (tmp_path / "MLmodel").write_text(content)

    with pytest.raises(ExportError, match=message):
        load(given(tmp_path, None))


@pytest.mark.slow
def test_a_file_that_could_run_code_needs_the_flag(tmp_path):
    pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed here")
    where = folder(tmp_path / "saved", "sklearn", pickled_model="model.pkl")
    (where / "model.pkl").write_bytes(b"")

    with pytest.raises(UsageError, match=r"model\.pkl: loading it can run code"):
        load(given(where, {"x": ROWS}))
