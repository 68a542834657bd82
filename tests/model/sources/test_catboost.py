"""Models of CatBoost from their own file, against their own answers."""

import numpy as np
import pytest

catboost = pytest.importorskip("catboost", reason="the extra catboost is not installed here")

from sklearn.datasets import load_diabetes, load_iris  # noqa: E402

from model.errors import ExportError  # noqa: E402
from model.sources.catboost import load  # noqa: E402
from tests.model.tabular import exported, given  # noqa: E402

pytestmark = pytest.mark.slow

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
GAPS = np.where(np.random.default_rng(0).random(IRIS.shape) < 0.2, np.nan, IRIS)
PEOPLE, PROGRESS = load_diabetes(return_X_y=True)


def fitted(folder, kind, rows, target, **settings):
    model = kind(iterations=10, verbose=0, allow_writing_files=False, **settings).fit(rows, target)
    model.save_model(folder / "model.cbm")
    return model, folder / "model.cbm"


@pytest.mark.parametrize(("rows", "target"), [(GAPS, NAMES), (GAPS[:100], NAMES[:100])], ids=["three", "two"])
def test_a_classifier_answers_as_predict_proba_and_names_its_classes(rows, target, tmp_path):
    model, file = fitted(tmp_path, catboost.CatBoostClassifier, rows, target)
    source = load(given(file, {"x": rows}))

    answer = exported(source, tmp_path)["probabilities"]

    np.testing.assert_allclose(answer, model.predict_proba(rows), atol=1e-6)
    assert source.description.labels == tuple(model.classes_)


def test_a_regressor_answers_a_number_for_each_row(tmp_path):
    model, file = fitted(tmp_path, catboost.CatBoostRegressor, PEOPLE, PROGRESS)

    answer = exported(load(given(file, {"x": PEOPLE})), tmp_path)["prediction"]

    np.testing.assert_allclose(answer, model.predict(PEOPLE), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss_function": "MultiClassOneVsAll"}, "the loss function MultiClassOneVsAll is not supported"),
        ({"grow_policy": "Lossguide"}, "cannot write the model to ONNX: .*grow_policy='SymmetricTree'"),
    ],
    ids=["one against all", "other trees"],
)
def test_what_catboost_cannot_write_is_refused(settings, message, tmp_path):
    _, file = fitted(tmp_path, catboost.CatBoostClassifier, IRIS, SPECIES, **settings)

    with pytest.raises(ExportError, match=message):
        load(given(file, {"x": IRIS}))


def test_features_of_categories_are_refused_by_name(tmp_path):
    pd = pytest.importorskip("pandas", reason="the extra catboost is not installed here")
    frame = pd.DataFrame({"name": NAMES, "width": IRIS[:, 1]})
    _, file = fitted(tmp_path, catboost.CatBoostClassifier, frame, SPECIES, cat_features=["name"])

    with pytest.raises(ExportError, match="name are cat features"):
        load(given(file, {"name": NAMES.astype(np.object_), "width": IRIS[:, 1]}))


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "model.cbm").write_text("no model")

    with pytest.raises(ExportError, match=r"model\.cbm: no file of CatBoost"):
        load(given(tmp_path / "model.cbm", {"x": IRIS}))
