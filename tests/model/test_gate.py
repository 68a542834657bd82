"""Models as their owners bring them: exported right, or refused with the reason and the next step."""

import warnings

import numpy as np
import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model.__main__ import main  # noqa: E402 - after the check that PyTorch is there
from model.formats import onnx  # noqa: E402
from tests.model import networks  # noqa: E402

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 3)).astype(np.float32)
SEQUENCES = RNG.normal(size=(12, 5, 8)).astype(np.float32)
IMAGES = RNG.normal(size=(12, 2, 4, 4)).astype(np.float32)
IDS = RNG.integers(0, 10, (12, 6))
BATCH = r"the answer to a sample depends on the others of its batch: .* Is the batch the first axis\?"
ITSELF = "the model itself answers differently each time: 'output' changed"


@pytest.fixture
def gate(tmp_path, monkeypatch, capsys):
    """Export a network and return the exit status and what was said on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(name, example, *options, weights=True):
        before = len([*tmp_path.glob("*/*/*/latest"), *tmp_path.glob("two/*/latest")])
        torch.manual_seed(0)
        made = getattr(networks, name)() if weights else None
        torch.save(made.state_dict() if made is not None else {}, "weights.pt")
        np.save("x.npy", example)
        given = [
            "--factory",
            f"tests.model.networks:{name}",
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
        ("encoder", SEQUENCES, BATCH),
        ("NormedByBatch", ROWS, BATCH),
        ("NormedByBatch", np.ones((1, 3), np.float32), BATCH),
        ("Numbered", ROWS, BATCH),
        ("CountedByPython", ROWS, r"batch of any size.*x\.shape\[0\] for its size, and not len\(x\)"),
        ("BatchStatistics", IMAGES, BATCH),
        ("Dropping", ROWS, ITSELF),
        ("Noisy", ROWS, ITSELF),
        ("Counting", ROWS, ITSELF),
        ("Remembering", ROWS, ITSELF),
        ("NotANumber", ROWS, r"the model itself answers NaN: output\[0, 0\]"),
        ("Choosing", ROWS, r"another way by the values of a tensor.*networks\.py, line \d+\).*torch\.where"),
        ("Looping", np.abs(ROWS), r"networks\.py, line \d+\).*torch\.cond"),
        ("NoColumns", ROWS, r"output 'output' has the shape \[2, 0\] .* holds no values"),
        ("Brain", ROWS, "returns 'output' as bfloat16, which no client can take: return it as float32"),
        ("WithCache", ROWS, "returns Cache as 'past_key_values', not a tensor"),
        ("Raising", ROWS, r"fails on inputs of shape .*KeyError: 'weights' \(networks\.py, line \d+\)"),
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
        ("scripted", "it is TorchScript already. Return the nn.Module that it was made from"),
        ("exported", "no evaluation mode .* from a .pt2 file cannot be exported again"),
        ("raising", r"raising\(\) failed: ValueError: invalid literal .*'wide' \(networks\.py, line \d+\)"),
        ("asking", "missing 1 required positional argument.* called without arguments"),
        (
            "importing",
            r"No module named 'a_library_of_theirs' \(networks\.py.*install a_library_of_theirs -c req",
        ),
        ("Nothing", "has no function 'Nothing'"),
        ("Cache", "returned Cache, not a torch.nn.Module"),
    ],
)
def test_a_factory_that_fails_is_told_by_its_own_error(gate, name, message):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        status, said = gate(name, ROWS, weights=name in {"scripted", "exported"})

    assert status == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(said)


def test_a_model_whose_batch_is_first_is_served_with_pytorchs_own_answers(gate, tmp_path):
    assert gate("encoder_batch_first", SEQUENCES, "--format", "onnx")[0] == 0
    module = networks.encoder_batch_first().eval()
    module.load_state_dict(torch.load("weights.pt"))

    with torch.inference_mode():
        expected = torch.cat([module(torch.from_numpy(row)[None]) for row in SEQUENCES])

    np.testing.assert_allclose(answer(tmp_path, {"input": SEQUENCES})["output"], expected, atol=1e-5)


def test_a_model_that_needs_its_batch_is_exported_where_it_says_so(gate, tmp_path):
    status, said = gate("NormedByBatch", ROWS, "--not-batchable")

    assert (status, said) == (0, "")
    given = answer(tmp_path, {"input": ROWS[:5]})["output"]
    np.testing.assert_allclose(given, ROWS[:5] / np.linalg.norm(ROWS[:5], axis=0), atol=1e-6)


@pytest.mark.parametrize("name", ["embedding", "linear", "mean", "x", "embedding.weight"])
def test_an_output_may_have_the_name_of_a_tensor_inside(gate, tmp_path, name):
    assert gate("Embedding", IDS, "--output-name", name, "--format", "onnx") == (0, "")
    module = networks.Embedding()
    module.load_state_dict(torch.load("weights.pt"))

    with torch.inference_mode():
        expected = module(torch.from_numpy(IDS))

    np.testing.assert_allclose(answer(tmp_path, {"input": IDS})[name], expected, atol=1e-6)


def test_an_input_may_have_the_name_of_a_tensor_inside(gate, tmp_path):
    assert gate("Embedding", IDS, "--input-name", "linear.weight", "--format", "onnx") == (0, "")
    assert answer(tmp_path, {"linear.weight": IDS})["output"].shape == (12, 4)


def test_torch_cond_is_served_as_onnx_and_the_message_for_torchscript_says_so(gate):
    assert gate("Conditional", ROWS, "--format", "onnx") == (0, "")
    status, said = gate("Conditional", ROWS, "--format", "torchscript", "--output", "two")
    assert (status, "Export with --format onnx, which serves torch.cond" in said) == (1, True)


def test_a_module_that_ignores_eval_is_named_where_torchscript_needs_it(gate):
    assert gate("StaysInTraining", ROWS, "--format", "onnx") == (0, "")
    status, said = gate("StaysInTraining", ROWS, "--output", "two")
    assert (status, "torchscript: the module stays in training mode after eval()" in said) == (1, True)


def test_weights_beyond_what_an_onnx_file_holds_are_refused_before_the_export(gate, monkeypatch):
    monkeypatch.setattr(onnx, "LIMIT", 100)
    status, said = gate("Embedding", IDS)
    assert (status, "an ONNX file holds 0.0 GB at most: export with --format torchscript" in said) == (
        1,
        True,
    )


def test_an_error_that_nobody_thought_of_is_a_message_and_its_traceback_is_shown_on_demand(gate, monkeypatch):
    def fail(*_arguments):
        raise LookupError("nobody thought of this")

    monkeypatch.setattr("model.samples.read", fail)
    status, said = gate("encoder", SEQUENCES)
    assert status == 1
    assert "error: the export failed in a way that is not known: LookupError: nobody thought of this" in said

    with pytest.raises(AssertionError):
        gate("encoder", SEQUENCES, "--debug")
