"""Models of XGBoost, LightGBM and CatBoost from their own files, against their own answers."""

import importlib

import numpy as np
import pytest

pytest.importorskip("onnxmltools", reason="the extras xgboost and lightgbm are not installed here")
lightgbm = pytest.importorskip("lightgbm", reason="the extra lightgbm is not installed here")
xgboost = pytest.importorskip("xgboost", reason="the extra xgboost is not installed here")

from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris  # noqa: E402

from model.errors import ExportError  # noqa: E402
from model.sources import estimators, lightgbm_trees  # noqa: E402
from model.sources.thresholds import rounded_down  # noqa: E402
from tests.model.tabular import exported, given  # noqa: E402

pytestmark = pytest.mark.slow

IRIS, SPECIES = load_iris(return_X_y=True)
WHOLE, TARGET = load_breast_cancer(return_X_y=True)
GAPS = np.random.default_rng(0).random(WHOLE.shape) < 0.1
PATIENTS = np.where(GAPS, np.nan, WHOLE).astype(np.float32)
PEOPLE, PROGRESS = load_diabetes(return_X_y=True)


def load(library, file, rows):
    return importlib.import_module(f"model.sources.{library}").load(given(file, {"x": rows}))


def xgboost_file(folder, rows, target, **parameters):
    booster = xgboost.train({"seed": 0, **parameters}, xgboost.DMatrix(rows, target), 20)
    booster.save_model(folder / "model.json")
    return folder / "model.json", booster


def lightgbm_file(folder, rows, target, **parameters):
    booster = lightgbm.train({"seed": 0, "verbose": -1, **parameters}, lightgbm.Dataset(rows, target), 20)
    booster.save_model(folder / "model.txt")
    return folder / "model.txt", booster


@pytest.mark.parametrize(
    ("rows", "target", "objective", "more"),
    [
        (PATIENTS, TARGET, "binary:logistic", {}),
        (IRIS, SPECIES, "multi:softprob", {"num_class": 3}),
        (IRIS, SPECIES, "multi:softmax", {"num_class": 3}),
        (PEOPLE, PROGRESS, "reg:squarederror", {"base_score": 100.0}),
        (PEOPLE, PROGRESS, "reg:absoluteerror", {}),
        (PEOPLE, PROGRESS, "count:poisson", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_of_xgboost_answers_as_xgboost(rows, target, objective, more, tmp_path):
    file, booster = xgboost_file(tmp_path, rows, target, objective=objective, **more)
    booster.set_param({"objective": objective.replace("softmax", "softprob")})
    expected = booster.predict(xgboost.DMatrix(rows.astype(np.float32)))
    expected = np.stack([1 - expected, expected], axis=1) if objective == "binary:logistic" else expected

    (answer,) = exported(load("xgboost", file, rows), tmp_path).values()

    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)


def test_an_estimator_of_xgboost_answers_with_its_best_round(tmp_path):
    model = xgboost.XGBClassifier(n_estimators=300, early_stopping_rounds=2, learning_rate=1.0)
    model.fit(IRIS, SPECIES, eval_set=[(IRIS[::2], 2 - SPECIES[::2])], verbose=False)
    assert model.best_iteration < 5 < model.get_booster().num_boosted_rounds() + 5
    model.save_model(tmp_path / "model.ubj")

    (answer,) = exported(load("xgboost", tmp_path / "model.ubj", IRIS), tmp_path).values()

    np.testing.assert_allclose(answer, model.predict_proba(IRIS), atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"booster": "gblinear"}, "the booster is gblinear"),
        ({"objective": "binary:hinge"}, "the objective binary:hinge is not supported"),
        ({"objective": "binary:logitraw"}, "the objective binary:logitraw is not supported"),
    ],
    ids=lambda value: str(value),
)
def test_what_onnx_cannot_hold_of_xgboost_is_refused(parameters, message, tmp_path):
    file, _ = xgboost_file(tmp_path, PATIENTS, TARGET, **parameters)

    with pytest.raises(ExportError, match=message):
        load("xgboost", file, PATIENTS)


@pytest.mark.parametrize(
    ("rows", "target", "parameters"),
    [
        (PATIENTS, TARGET, {"objective": "binary"}),
        (IRIS, SPECIES, {"objective": "multiclass", "num_class": 3}),
        (PEOPLE, PROGRESS, {"objective": "regression"}),
        (PEOPLE, PROGRESS, {"objective": "quantile"}),
        (PATIENTS, TARGET, {"objective": "binary", "boosting": "dart"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_file_of_lightgbm_answers_as_lightgbm(rows, target, parameters, tmp_path):
    file, booster = lightgbm_file(tmp_path, rows, target, **parameters)
    expected = booster.predict(rows.astype(np.float32))
    expected = np.stack([1 - expected, expected], axis=1) if parameters["objective"] == "binary" else expected

    (answer,) = exported(load("lightgbm", file, rows), tmp_path).values()

    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)


def test_numbers_at_the_thresholds_of_lightgbm_stay_on_their_side(tmp_path):
    random = np.random.default_rng(0)
    rows = np.round(random.random((2000, 2)), 2)
    target = (rows[:, 0] * 37 % 1 > 0.5).astype(int)
    file, booster = lightgbm_file(tmp_path, rows, target, objective="binary", min_data_in_leaf=1)
    lines = [line for line in file.read_text().splitlines() if line.startswith(lightgbm_trees.THRESHOLDS)]
    thresholds = np.array(" ".join(line.partition("=")[2] for line in lines).split(), dtype=np.float64)
    probes = np.stack([thresholds, thresholds], axis=1).astype(np.float32)

    (answer,) = exported(load("lightgbm", file, probes), tmp_path).values()

    assert (thresholds.astype(np.float32) > thresholds).any()
    np.testing.assert_allclose(answer[:, 1], booster.predict(probes), atol=1e-6)


def test_thresholds_are_rounded_down_to_float32():
    thresholds = np.array([0.1, 0.3, 1.0, -0.1, 1e300])

    rounded = rounded_down(thresholds)

    assert (rounded <= thresholds).all()
    assert (np.nextafter(rounded[:4].astype(np.float32), np.float32(np.inf)) > thresholds[:4]).all()
    assert np.array_equal(rounded, rounded.astype(np.float32))


def test_categories_of_lightgbm_are_found_in_its_file(tmp_path):
    pd = pytest.importorskip("pandas", reason="the extra lightgbm is not installed here")
    city = np.array(["Rome", "Oslo", "Bern"])[SPECIES].astype(np.object_)
    frame = pd.DataFrame({"city": pd.Categorical(city), "width": IRIS[:, 1]})
    file, booster = lightgbm_file(tmp_path, frame, SPECIES == 1, objective="binary", min_data_in_leaf=2)
    examples = {"city": city, "width": IRIS[:, 1]}
    source = importlib.import_module("model.sources.lightgbm").load(given(file, examples))

    (answer,) = exported(source, tmp_path).values()

    np.testing.assert_allclose(answer[:, 1], booster.predict(frame), atol=1e-6)
    assert source.description.steps is not None
    assert source.description.steps.request == {"city": "Rome", "width": 3.5}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"objective": "multiclassova", "num_class": 2}, "multiclassova"),
        (
            {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
            "boosting='rf'",
        ),
        ({"objective": "binary", "sigmoid": 2.0}, "a sigmoid other than 1"),
        ({"objective": "binary", "zero_as_missing": True}, "zero_as_missing=True"),
        ({"objective": "regression", "linear_tree": True}, "linear_tree=True"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_converter_gets_wrong_of_lightgbm_is_refused(parameters, message, tmp_path):
    file, _ = lightgbm_file(tmp_path, PATIENTS, TARGET, **parameters)

    with pytest.raises(ExportError, match=message):
        load("lightgbm", file, PATIENTS)


@pytest.mark.parametrize(("library", "name"), [("xgboost", "m.json"), ("lightgbm", "m.txt")])
def test_a_damaged_or_missing_file_is_named(library, name, tmp_path):
    with pytest.raises(ExportError, match=f"{name}: no such file"):
        load(library, tmp_path / name, IRIS)
    (tmp_path / name).write_text("{}")
    with pytest.raises(ExportError, match=rf"{name}: not a file of .*save_model"):
        load(library, tmp_path / name, IRIS)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_an_estimator_inside_of_a_pipeline_is_converted_too(library, tmp_path):
    pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed here")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    estimator = {"xgboost": xgboost.XGBClassifier, "lightgbm": lightgbm.LGBMClassifier}[library]
    settings = {"verbose": -1} if library == "lightgbm" else {}
    model = make_pipeline(StandardScaler(), estimator(n_estimators=5, **settings)).fit(IRIS, SPECIES)

    (answer,) = exported(estimators.estimator_source(model, given(None, {"x": IRIS})), tmp_path).values()

    np.testing.assert_allclose(answer, model.predict_proba(IRIS.astype(np.float32)), atol=1e-6)
