"""Models as their owners bring them: exported right, or refused with the reason and the next step."""

import pkgutil
import warnings

import numpy as np
import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model.__main__ import main  # noqa: E402 - after the check that PyTorch is there
from model.formats import onnx  # noqa: E402
from tests.model.networks import servable  # noqa: E402

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 3)).astype(np.float32)
SEQUENCES = RNG.normal(size=(12, 5, 8)).astype(np.float32)
IMAGES = RNG.normal(size=(12, 2, 4, 4)).astype(np.float32)
IDS = RNG.integers(0, 10, (12, 6))
BATCH = r"the answer to a sample depends on the others of its batch: .* Is the batch the first axis\?"
SQUARES = RNG.normal(size=(12, 4, 4)).astype(np.float32)
UNSAVED = "the checkpoint does not hold everything that decides the answer: .* register it"
ITSELF = "the model itself answers differently each time: 'output' changed"


@pytest.fixture
def gate(tmp_path, monkeypatch, capsys):
    """Export a network and return the exit status and what was said on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(name, example, *options, weights=True):
        before = len([*tmp_path.glob("*/*/*/latest"), *tmp_path.glob("two/*/latest")])
        torch.manual_seed(0)
        made = pkgutil.resolve_name(f"tests.model.networks.{name}")() if weights else None
        torch.save(made.state_dict() if made is not None else {}, "weights.pt")
        np.save("x.npy", example)
        given = [
            "--factory",
            f"tests.model.networks.{name}",
            "--checkpoint",
            "weights.pt",
            "--example",
            "x.npy",
        ]
        status = main(["export", "--name", "theirs", *given, *options])
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert len([*tmp_path.glob("*/*/*/latest"), *tmp_path.glob("two/*/latest")]) == before + (status == 0)
        return status, said

    return run


def answer(tmp_path, inputs):
    return onnx.load(tmp_path / "build" / "model" / "theirs" / "latest" / "onnx")(inputs)


@pytest.mark.parametrize(
    ("name", "example", "message"),
    [
        ("batch:encoder", SEQUENCES, BATCH),
        ("batch:NormedByBatch", ROWS, BATCH),
        ("batch:NormedByBatch", np.ones((1, 3), np.float32), BATCH),
        ("batch:Numbered", ROWS, BATCH),
        ("batch:CountedByPython", ROWS, r"batch of any size.*x\.shape\[0\] for it, not len\(x\)"),
        ("batch:BatchStatistics", IMAGES, BATCH),
        ("state:Dropping", ROWS, ITSELF),
        ("state:Noisy", ROWS, ITSELF),
        ("state:Counting", ROWS, ITSELF),
        ("state:Remembering", ROWS, ITSELF),
        ("outputs:NotANumber", ROWS, r"the model itself answers NaN: output\[0, 0\]"),
        (
            "tracing:Choosing",
            ROWS,
            r"another path for other values of a tensor.*tracing\.py, line \d+\).*torch\.where",
        ),
        ("tracing:Looping", np.abs(ROWS), r"tracing\.py, line \d+\).*torch\.cond"),
        ("outputs:NoColumns", ROWS, r"output 'output' has the shape \[1, 0\] .* holds no values"),
        (
            "outputs:Brain",
            ROWS,
            "returns 'output' as bfloat16, which no client can take: return it as",
        ),
        ("outputs:WithCache", ROWS, "returns Cache as 'past_key_values', not a tensor"),
        ("batch:EncoderOfIds", np.tile(IDS[:1], (10, 1)), BATCH),
        ("batch:EncoderOfIds", np.full((4, 6), 3), "all samples are equal.* two or more different samples"),
        ("batch:SequenceFirst", SEQUENCES, "batch_first=True"),
        ("batch:WithoutRunningStatistics", IMAGES, BATCH),
        ("batch:BatchNormOfBatch", ROWS, "fails on a batch of 1, .*ValueError: Expected more than 1 value"),
        ("batch:ScaledByLargest", ROWS, BATCH),
        ("batch:Reversed", ROWS, BATCH),
        ("batch:Products", ROWS, r"\[2, 2\] for a batch of 2 and \[1, 1\] .* only the first axis may change"),
        (
            "batch:ProductsAndOne",
            ROWS,
            r"\[2, 3\] for a batch of 2 and \[1, 2\] .* only the first axis",
        ),
        ("batch:LargeBatches", ROWS, "another path for other batch sizes: .* from 2 to 100 only"),
        ("batch:LargerThanOne", ROWS, BATCH),
        ("batch:Squeezed", ROWS, r"shape \[3\] for a batch of 1: the first axis .* squeeze\(\)"),
        ("batch:Summed", ROWS, r"shape \[\] for a batch of 1: .* sum or mean over"),
        ("batch:OneByOne", ROWS, r"in a batch of 2: RuntimeError: .*batch\.py, line \d+.* any size must go"),
        (
            "tracing:InNumPy",
            ROWS,
            r"tracing\.py, line \d+\)\. Write that line with operations on tensors",
        ),
        ("tracing:Packed", SEQUENCES[..., :3], r"tracing\.py, line \d+\)\. Write that line"),
        ("tracing:Exiting", ROWS, r"SystemExit: 3 \(tracing\.py, line \d+\)"),
        ("batch:ExitingAlone", ROWS, r"fails on a batch of 1, .*SystemExit: 3 \(batch\.py, line \d+\)"),
        ("outputs:NumberedOutputs", ROWS, "a mapping with the key 0: the keys are the names of the outputs"),
        ("outputs:WithoutOutputs", ROWS, "returns no output"),
        ("state:PythonRandom", ROWS, ITSELF),
        ("factories:linear", ROWS.astype(np.float64), r"float64\[3\].*\.astype\('float32'\)"),
        ("tracing:BrainInside", ROWS, "onnx: ONNX Runtime cannot run .* module.float"),
        ("tracing:Inverse", SQUARES, "onnx: PyTorch cannot write .*linalg_inv.* Try --format torchscript"),
        ("state:PlainTensor", ROWS, UNSAVED),
        ("state:PlainList", ROWS, UNSAVED),
        ("state:UnsavedBuffer", ROWS, UNSAVED),
        (
            "tracing:Raising",
            ROWS,
            r"fails on inputs .*KeyError: 'weights' \(tracing\.py, line \d+\)",
        ),
    ],
)
def test_a_model_that_cannot_be_served_is_refused_with_the_reason(gate, name, example, message):
    status, said = gate(name, example)

    assert status == 1
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(said)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("factories:scripted", "it is TorchScript already. Return the nn.Module that it was made from"),
        ("factories:exported", "no evaluation mode .* from a .pt2 file cannot be exported again"),
        (
            "factories:raising",
            r"raising\(\) failed: ValueError: .*'wide' \(factories\.py, line \d+\)",
        ),
        ("factories:asking", "missing 1 required positional argument.* called without arguments"),
        (
            "factories:importing",
            r"No module named 'a_library_of_theirs' \(factories\.py.*install a_library_of_theirs -c req",
        ),
        ("factories:Nothing", "has no function 'Nothing'"),
        ("outputs:Cache", "returned Cache, not a torch.nn.Module"),
    ],
)
def test_a_factory_that_fails_is_told_by_its_own_error(gate, name, message):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        status, said = gate(name, ROWS, weights=name in {"factories:scripted", "factories:exported"})

    assert status == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(said)


def test_a_model_whose_batch_is_first_is_served_with_pytorchs_own_answers(gate, tmp_path):
    assert gate("servable:encoder_batch_first", SEQUENCES, "--format", "onnx")[0] == 0
    module = servable.encoder_batch_first().eval()
    module.load_state_dict(torch.load("weights.pt"))

    with torch.inference_mode():
        expected = torch.cat([module(torch.from_numpy(row)[None]) for row in SEQUENCES])

    np.testing.assert_allclose(answer(tmp_path, {"input": SEQUENCES})["output"], expected, atol=1e-5)


def test_a_model_that_needs_its_batch_is_exported_where_it_says_so(gate, tmp_path):
    status, said = gate("batch:NormedByBatch", ROWS, "--not-batchable")

    assert (status, said) == (0, "")
    given = answer(tmp_path, {"input": ROWS[:5]})["output"]
    np.testing.assert_allclose(given, ROWS[:5] / np.linalg.norm(ROWS[:5], axis=0), atol=1e-6)


def test_a_model_whose_answers_grow_with_the_batch_is_refused_whatever_it_says(gate):
    status, said = gate("batch:Products", ROWS, "--not-batchable")
    assert (status, "only the first axis may change with the batch" in said) == (1, True)


def test_a_model_that_changes_its_input_in_place_is_served_with_its_first_answer(gate, tmp_path):
    assert gate("servable:InPlace", ROWS) == (0, "")
    np.testing.assert_allclose(answer(tmp_path, {"input": ROWS})["output"], 2 * ROWS)


def test_a_recurrent_network_whose_batch_is_first_is_served(gate, tmp_path):
    assert gate("servable:Recurrent", SEQUENCES, "--format", "onnx") == (0, "")
    module = servable.Recurrent().eval()
    module.load_state_dict(torch.load("weights.pt"))
    with torch.inference_mode():
        expected = torch.cat([module(torch.from_numpy(row)[None]) for row in SEQUENCES])
    np.testing.assert_allclose(answer(tmp_path, {"input": SEQUENCES})["output"], expected, atol=1e-5)


@pytest.mark.filterwarnings(r"ignore:`torch\.jit:DeprecationWarning")
def test_a_compiled_module_is_exported_as_the_module_that_it_was_made_from(gate, tmp_path):
    assert gate("factories:compiled", ROWS) == (0, "")
    weights = torch.load("weights.pt")
    assert all(key.startswith("_orig_mod.") for key in weights)
    expected = ROWS @ weights["_orig_mod.weight"].numpy().T + weights["_orig_mod.bias"].numpy()
    np.testing.assert_allclose(answer(tmp_path, {"input": ROWS})["output"], expected, atol=1e-6)


def test_missing_values_in_a_sample_are_the_models_own_affair_and_it_can_be_exported_again(gate):
    missing = np.where(ROWS > 1, np.float32(np.nan), ROWS)
    missing[0, 0] = np.nan
    assert gate("servable:FillsMissing", missing, "--format", "onnx") == (0, "")
    torch.save({}, "weights.pt")
    given = ["--factory", "tests.model.networks.servable:FillsMissing", "--checkpoint", "weights.pt"]
    again = ["export", "--name", "theirs", *given, "--example", "x.npy", "--format", "onnx"]
    assert main(again) == 0


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("outputs:Probabilities", "a\nb\nc\n", "probabilities already, because they add up to 1"),
        ("outputs:OneClass", "a\n", "the softmax of a single class is always 1"),
    ],
)
def test_a_softmax_that_would_spoil_the_scores_is_refused(gate, tmp_path, name, labels, message):
    (tmp_path / "labels.txt").write_text(labels)
    status, said = gate(name, ROWS, "--labels", "labels.txt", "--activation", "softmax")
    assert (status, message in said) == (1, True)
    assert gate(name, ROWS, "--labels", "labels.txt", "--format", "torchscript")[0] == 0


@pytest.mark.parametrize("name", ["embedding", "linear", "mean", "x", "embedding.weight"])
def test_an_output_may_have_the_name_of_a_tensor_inside(gate, tmp_path, name):
    assert gate("servable:Embedding", IDS, "--output-name", name, "--format", "onnx") == (0, "")
    module = servable.Embedding()
    module.load_state_dict(torch.load("weights.pt"))

    with torch.inference_mode():
        expected = module(torch.from_numpy(IDS))

    np.testing.assert_allclose(answer(tmp_path, {"input": IDS})[name], expected, atol=1e-6)


def test_an_input_may_have_the_name_of_a_tensor_inside(gate, tmp_path):
    assert gate("servable:Embedding", IDS, "--input-name", "linear.weight", "--format", "onnx") == (0, "")
    assert answer(tmp_path, {"linear.weight": IDS})["output"].shape == (12, 4)


def test_torch_cond_is_served_as_onnx_and_the_message_for_torchscript_says_so(gate):
    assert gate("tracing:Conditional", ROWS, "--format", "onnx") == (0, "")
    status, said = gate("tracing:Conditional", ROWS, "--format", "torchscript", "--output", "two")
    assert (status, "Export with --format onnx, which supports torch.cond" in said) == (1, True)


def test_a_module_that_ignores_eval_is_named_where_torchscript_needs_it(gate):
    assert gate("tracing:StaysInTraining", ROWS, "--format", "onnx") == (0, "")
    status, said = gate("tracing:StaysInTraining", ROWS, "--output", "two")
    assert (status, "torchscript: the module stays in training mode after eval()" in said) == (1, True)


def test_weights_beyond_what_an_onnx_file_holds_are_refused_before_the_export(gate, monkeypatch):
    monkeypatch.setattr(onnx, "MAX_BYTES", 100)
    status, said = gate("servable:Embedding", IDS)
    assert (status, "an ONNX file holds 0.0 GB at most: export with --format torchscript" in said) == (
        1,
        True,
    )


def test_an_unexpected_error_is_a_message_and_its_traceback_is_shown_on_demand(gate, monkeypatch):
    def fail(*_arguments):
        raise LookupError("the answer to everything")

    monkeypatch.setattr("model.samples.read", fail)
    status, said = gate("batch:encoder", SEQUENCES)
    assert status == 1
    assert (
        "error: the command failed with an error that it does not know: LookupError: the answer to everything"
        in said
    )

    with pytest.raises(AssertionError):
        gate("batch:encoder", SEQUENCES, "--debug")
