"""Estimators and pipelines of scikit-learn, against their own answers."""

import numpy as np
import pytest

pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed here")
pd = pytest.importorskip("pandas", reason="the extra sklearn is not installed here")

import joblib  # noqa: E402 - after the check that the extra is there
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris  # noqa: E402
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.multiclass import OneVsRestClassifier  # noqa: E402
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler  # noqa: E402
from sklearn.svm import SVC, LinearSVC  # noqa: E402

from model.errors import ExportError, UsageError  # noqa: E402
from model.sources.sklearn import load, sklearn_source  # noqa: E402
from tests.model.tabular import columns, exported, given  # noqa: E402

pytestmark = pytest.mark.slow

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]


def pipeline():
    """A pipeline over numbers, a missing number and words, and what it has learnt from."""
    frame = pd.DataFrame(columns())
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    chosen = ColumnTransformer([("n", numbers, ["age", "fare"]), ("w", words, ["city", "member"])])
    return make_pipeline(chosen, LogisticRegression()).fit(
        frame, np.where(frame.age > 40, "old", "young")
    ), frame


def test_a_pipeline_with_words_answers_as_predict_proba_for_every_row(tmp_path):
    model, frame = pipeline()
    source = sklearn_source(model, given(None, columns()))

    answer = exported(source, tmp_path)["probabilities"]

    np.testing.assert_allclose(answer, model.predict_proba(frame), atol=1e-6)
    assert source.description.labels == ("old", "young")
    assert {name: array.dtype.kind for name, array in source.samples.items()}["city"] == "U"


@pytest.mark.parametrize("rows", [IRIS, IRIS[:100]], ids=["three classes", "two classes"])
@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(10, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        VotingClassifier(
            [("a", LogisticRegression(max_iter=1000)), ("b", RandomForestClassifier(3))], voting="soft"
        ),
    ],
    ids=["forest", "pipeline", "voting"],
)
def test_a_classifier_answers_as_predict_proba(model, rows, tmp_path):
    model.fit(rows, NAMES[: len(rows)])

    answer = exported(sklearn_source(model, given(None, {"x": rows})), tmp_path)["probabilities"]

    np.testing.assert_allclose(answer, model.predict_proba(rows.astype(np.float32)), atol=1e-6)


@pytest.mark.parametrize("model", [LinearSVC(), SVC()], ids=lambda model: type(model).__name__)
def test_a_classifier_without_probabilities_scores_both_of_two_classes(model, tmp_path):
    model.fit(IRIS[:100], NAMES[:100])
    source = sklearn_source(model, given(None, {"x": IRIS[:100]}))

    scores = exported(source, tmp_path)["scores"]

    expected = model.decision_function(IRIS[:100])
    np.testing.assert_allclose(scores, np.stack([-expected, expected], axis=1), rtol=1e-4, atol=1e-4)
    assert np.array_equal(np.array(source.description.labels)[scores.argmax(1)], model.predict(IRIS[:100]))


def test_a_regressor_answers_a_number_for_each_row(tmp_path):
    rows, target = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(rows, target)

    answer = exported(sklearn_source(model, given(None, {"x": rows})), tmp_path)["prediction"]

    assert answer.shape == (len(rows),)
    np.testing.assert_allclose(answer, model.predict(rows), rtol=1e-5)


def test_a_regressor_of_several_targets_answers_all_of_them(tmp_path):
    targets = np.stack([SPECIES, IRIS[:, 0]], axis=1)
    model = MultiOutputRegressor(LinearRegression()).fit(IRIS, targets)

    answer = exported(sklearn_source(model, given(None, {"x": IRIS})), tmp_path)["prediction"]

    np.testing.assert_allclose(answer, model.predict(IRIS), atol=1e-4)


@pytest.mark.parametrize(
    "model",
    [OneVsRestClassifier(LogisticRegression(max_iter=1000)), MLPClassifier((4,), max_iter=5, random_state=0)],
    ids=["one against the rest", "network"],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_labels_that_do_not_exclude_each_other_are_one_output_with_a_hint(model, tmp_path):
    model.fit(IRIS, np.stack([SPECIES > 0, SPECIES > 1, IRIS[:, 0] > 6], axis=1).astype(int))
    lines: list[str] = []

    source = sklearn_source(model, given(None, {"x": IRIS}, lines.append))

    answer = exported(source, tmp_path)["probabilities"]
    np.testing.assert_allclose(answer, model.predict_proba(IRIS), atol=1e-5)
    assert source.description.labels == ("0", "1", "2")
    assert any("--threshold 0.5" in line for line in lines)


def test_numbers_at_the_thresholds_of_trees_stay_on_their_side(tmp_path):
    random = np.random.default_rng(0)
    rows = np.round(random.random((2000, 2)), 2)
    model = HistGradientBoostingClassifier(max_iter=20).fit(rows, (rows[:, 0] * 37 % 1 > 0.5).astype(int))
    thresholds = np.unique(
        np.concatenate([tree.nodes["num_threshold"] for (tree,) in model._predictors]).astype(np.float32)
    )
    probes = np.stack([thresholds, thresholds], axis=1)

    answer = exported(sklearn_source(model, given(None, {"x": probes})), tmp_path)["probabilities"]

    np.testing.assert_allclose(answer, model.predict_proba(probes), atol=1e-6)


def test_missing_numbers_reach_the_trees(tmp_path):
    rows, target = load_breast_cancer(return_X_y=True)
    rows[np.random.default_rng(0).random(rows.shape) < 0.2] = np.nan
    model = HistGradientBoostingClassifier(max_iter=10).fit(rows, target)

    answer = exported(sklearn_source(model, given(None, {"x": rows})), tmp_path)["probabilities"]

    np.testing.assert_allclose(answer, model.predict_proba(rows), atol=1e-6)


def test_text_is_split_whatever_locales_a_machine_has(tmp_path):
    texts = np.array(["the cat sat", "a dog ran away", "the dog sat", "a cat ran"] * 5, np.object_)
    frame = pd.DataFrame({"text": texts})
    words = ColumnTransformer([("w", TfidfVectorizer(), "text")])
    model = make_pipeline(words, LogisticRegression()).fit(frame, ["cat", "dog", "dog", "cat"] * 5)

    answer = exported(sklearn_source(model, given(None, {"text": texts})), tmp_path)["probabilities"]

    np.testing.assert_allclose(answer, model.predict_proba(frame), atol=1e-6)


def test_a_model_that_answers_otherwise_to_float32_is_refused():
    rows = np.array([[0.1], [float(np.float32(0.1))]] * 30)
    model = HistGradientBoostingClassifier(min_samples_leaf=1).fit(rows, [0, 1] * 30)

    with pytest.raises(ExportError, match=r"numbers as float32.* 30 of 60 rows .*astype\('float32'\)"):
        sklearn_source(model, given(None, {"x": rows}))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LogisticRegression(), r"LogisticRegression is not fitted: call fit\(\)"),
        (StandardScaler().fit(IRIS), "StandardScaler is neither a classifier nor a regressor"),
        ("a string", "str is no estimator of scikit-learn"),
        (
            make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(IRIS, SPECIES),
            "skl2onnx cannot convert Pipeline: .* A function of your own cannot be converted",
        ),
        (
            MultiOutputClassifier(RandomForestClassifier(2)).fit(
                IRIS, np.stack([NAMES, SPECIES > 1], axis=1)
            ),
            "has several outputs, .* fit and export a model for each output.* OneVsRestClassifier",
        ),
        (
            make_pipeline(StandardScaler(), RandomForestClassifier(2)).fit(IRIS, np.eye(3)[SPECIES]),
            "Pipeline has several outputs",
        ),
    ],
    ids=["not fitted", "no predictor", "no estimator", "own function", "outputs", "labels of a forest"],
)
def test_what_cannot_be_exported_is_refused_with_what_to_do(model, message):
    with pytest.raises(ExportError, match=message):
        sklearn_source(model, given(None, {"x": IRIS}))


def test_a_pickle_is_read_only_where_its_code_may_run(tmp_path):
    file = tmp_path / "model.joblib"
    joblib.dump(LogisticRegression(max_iter=1000).fit(IRIS, SPECIES), file)

    with pytest.raises(UsageError, match=r"can run code .* skops\.io\.dump.* --run-code-in-file"):
        load(given(file, {"x": IRIS}))
    assert load(given(file, {"x": IRIS}, run_code_in_file=True)).description.labels == ("0", "1", "2")


def test_a_file_of_skops_needs_no_such_flag_and_runs_no_code_of_its_author(tmp_path):
    io = pytest.importorskip("skops.io", reason="the extra sklearn is not installed here")
    model, frame = pipeline()
    io.dump(model, tmp_path / "model.skops")
    io.dump(FunctionTransformer(pytest.importorskip), tmp_path / "other.skops")

    source = load(given(tmp_path / "model.skops", columns()))

    expected = model.predict_proba(frame)[:3]
    few = {name: array[:3] for name, array in source.samples.items()}
    np.testing.assert_allclose(source.eager(few)["probabilities"], expected, atol=1e-6)
    with pytest.raises(ExportError, match=r"holds .*importorskip, which may be code of its author"):
        load(given(tmp_path / "other.skops", columns()))


@pytest.mark.parametrize(("name", "content"), [("m.skops", b"no zip"), ("m.pkl", b"no pickle")])
def test_a_damaged_file_is_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ExportError, match=rf"{name}: .*(not a file of skops|cannot be loaded)"):
        load(given(tmp_path / name, {"x": IRIS}, run_code_in_file=True))
