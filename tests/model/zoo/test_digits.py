import numpy as np
import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model.errors import ExportError  # noqa: E402 - after the check that PyTorch is there
from model.formats import onnx  # noqa: E402
from model.zoo import digits as zoo  # noqa: E402


def silent(_line):
    pass


def test_held_out_pictures_are_read_rightly_by_the_exported_model(digits):
    _, held_out, _, numbers = zoo.pictures()
    logits = onnx.load(digits.path / "onnx")({"image": held_out.numpy()})["logits"]
    assert np.mean(logits.argmax(1) == numbers.numpy()) >= 0.97


def test_no_picture_is_both_learned_and_held_out():
    known, held_out, _, _ = zoo.pictures()
    assert len(known) + len(held_out) == 1797
    seen = {picture.numpy().tobytes() for picture in known}
    assert not seen & {picture.numpy().tobytes() for picture in held_out}


def test_the_signature_names_ten_digits(digits):
    signature = digits.signature
    assert [(tensor.name, tensor.shape) for tensor in (*signature.inputs, *signature.outputs)] == [
        ("image", (-1, 1, 8, 8)),
        ("logits", (-1, 10)),
    ]
    assert signature.labels == tuple("0123456789")
    assert (signature.activation, signature.image) == ("softmax", None)


def test_training_gives_the_same_weights_whatever_was_drawn_before(monkeypatch):
    monkeypatch.setattr(zoo, "EPOCHS", 1)
    known, _, numbers, _ = zoo.pictures()
    first = zoo.train(known[:200], numbers[:200], silent).state_dict()
    torch.rand(10)
    second = zoo.train(known[:200], numbers[:200], silent).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_training_leaves_the_random_state_and_the_threads_as_they_were(monkeypatch):
    monkeypatch.setattr(zoo, "EPOCHS", 1)
    known, _, numbers, _ = zoo.pictures()
    before = torch.get_rng_state(), torch.get_num_threads()
    zoo.train(known[:64], numbers[:64], silent)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]


def test_a_network_that_reads_badly_is_not_exported(monkeypatch):
    monkeypatch.setattr(zoo, "EPOCHS", 0)
    with pytest.raises(ExportError, match=r"must be 0\.97"):
        zoo.source(silent)
