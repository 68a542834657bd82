import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from model.errors import ExportError, ParityError, UsageError
from model.export import export
from model.parity import RULE, Tolerance
from model.signature import Signature
from model.source import Description, Format, Source
from model.version import versioned


def quietly(source, formats, output, **options):
    return export(source, formats, output, lambda _line: None, **options)


def write_factor(folder, *, factor):
    (folder / "factor.txt").write_text(str(factor))


def load_factor(folder):
    factor = np.float32((folder / "factor.txt").read_text())
    return lambda inputs: {"y": inputs["x"] * factor}


def factor_format(name, factor=2.0):
    return Format(name=name, write=partial(write_factor, factor=factor), load=load_factor)


@pytest.fixture
def doubler():
    """A model that is one number, with formats that are a text file."""
    return Source(
        description=Description(name="doubler", labels=("a", "b"), photograph=b"PNG"),
        eager=lambda inputs: {"y": inputs["x"] * np.float32(2)},
        samples={"x": np.array([[1, 2], [3, 4]], np.float32)},
        fingerprint=b"doubler",
        formats=(factor_format("first"), factor_format("second")),
    )


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_an_artifact_holds_each_format_the_sample_the_signature_and_the_parity(doubler, tmp_path):
    done = quietly(doubler, [], tmp_path)
    assert done.path == tmp_path / "doubler" / done.signature.version
    assert sorted(contents(done.path)) == [
        "examples.npz",
        "first/factor.txt",
        "parity.json",
        "sample.npz",
        "sample.png",
        "second/factor.txt",
        "signature.json",
    ]
    assert (done.path / "signature.json").read_text() == done.signature.to_json()
    assert (tmp_path / "doubler" / "latest").resolve() == done.path


def test_the_sample_is_the_first_real_input_with_the_models_answer(doubler, tmp_path):
    with np.load(quietly(doubler, [], tmp_path).path / "sample.npz") as sample:
        assert {name: array.tolist() for name, array in sample.items()} == {"x": [[1, 2]], "y": [[2, 4]]}


def test_the_signature_describes_the_tensors(doubler, tmp_path):
    signature = quietly(doubler, [], tmp_path).signature
    assert signature == versioned(
        Signature(
            name="doubler",
            version="",
            formats=("first", "second"),
            inputs=signature.inputs,
            outputs=signature.outputs,
            labels=("a", "b"),
            activation=None,
            image=None,
        ),
        b"doubler",
    )
    assert [
        (tensor.name, tensor.datatype, tensor.shape) for tensor in (*signature.inputs, *signature.outputs)
    ] == [
        ("x", "FP32", (-1, 2)),
        ("y", "FP32", (-1, 2)),
    ]


def test_a_format_that_is_not_written_by_default_is_written_where_it_is_named(doubler, tmp_path):
    first, second = doubler.formats
    chosen = replace(doubler, formats=(first, replace(second, by_default=False)))

    assert quietly(chosen, [], tmp_path).signature.formats == ("first",)
    assert quietly(chosen, ["second"], tmp_path).signature.formats == ("second",)


def test_the_parity_report_tells_differences_by_format_and_batch_the_tolerance_and_the_packages(
    doubler, tmp_path
):
    done = quietly(
        replace(doubler, formats=(factor_format("first", 2.00002),)),
        [],
        tmp_path,
        tolerance=Tolerance(rtol=0.5),
    )
    report = json.loads((done.path / "parity.json").read_text())
    assert report["rule"] == RULE
    assert report["tolerance"] == {"rtol": 0.5, "atol": 1e-4}
    assert [(entry["batch_size"], entry["output"]) for entry in report["formats"]["first"]] == [
        (1, "y"),
        (2, "y"),
        (7, "y"),
    ]
    assert report["formats"]["first"][0]["max_abs_diff"] == pytest.approx(4e-5, rel=0.05)
    assert report["formats"]["first"][0]["worst_index"] == [0, 1]
    assert report["packages"]["numpy"] == np.__version__
    assert set(report["files"]) == {"first/factor.txt", "sample.npz", "sample.png"}


def test_where_a_format_fails_the_gate_there_is_no_artifact(doubler, tmp_path):
    broken = replace(doubler, formats=(factor_format("first"), factor_format("second", 2.01)))
    with pytest.raises(ParityError, match="second does not answer as the model does"):
        quietly(broken, [], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_latest_artifact_as_it_is(doubler, tmp_path):
    done = quietly(doubler, [], tmp_path)
    broken = replace(doubler, formats=(factor_format("first", 2.01),), fingerprint=b"other")
    with pytest.raises(ParityError):
        quietly(broken, [], tmp_path)
    assert (tmp_path / "doubler" / "latest").resolve() == done.path
    assert sorted(path.name for path in (tmp_path / "doubler").iterdir()) == [done.path.name, "latest"]


def test_the_same_export_again_leaves_every_file_as_it_was(doubler, tmp_path):
    done = quietly(doubler, [], tmp_path)
    before = {file: file.stat().st_mtime_ns for file in done.path.rglob("*")}
    lines: list[str] = []
    again = export(doubler, [], tmp_path, lines.append)
    assert again == done
    assert {file: file.stat().st_mtime_ns for file in done.path.rglob("*")} == before
    assert "exists already" in lines[0]


def test_exporting_an_older_version_again_makes_it_the_latest(doubler, tmp_path):
    done = quietly(doubler, [], tmp_path)
    quietly(doubler, ["first"], tmp_path)
    quietly(doubler, [], tmp_path)
    assert (tmp_path / "doubler" / "latest").resolve() == done.path


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "second" / "factor.txt").write_text("2.00"),
        lambda path: (path / "second" / "factor.txt").unlink(),
        lambda path: (path / "signature.json").write_text("{}"),
        lambda path: (path / "parity.json").write_text("{"),
        lambda path: (path / "parity.json").unlink(),
        lambda path: (path / "sample.npz").unlink(),
    ],
    ids=["changed", "missing", "signature", "parity", "no parity", "no sample"],
)
def test_a_damaged_artifact_is_not_taken_for_a_finished_one(doubler, tmp_path, damage):
    done = quietly(doubler, [], tmp_path)
    damage(done.path)
    with pytest.raises(ExportError, match="is damaged: delete it"):
        quietly(doubler, [], tmp_path)


def test_an_artifact_let_through_by_a_wider_tolerance_is_not_taken_for_a_tested_one(doubler, tmp_path):
    loose = replace(doubler, formats=(factor_format("first", 2.001),))
    quietly(loose, [], tmp_path, tolerance=Tolerance(rtol=0.5))
    with pytest.raises(ExportError, match=r"another tolerance, Tolerance\(rtol=0.5"):
        quietly(loose, [], tmp_path)


def test_an_artifact_judged_by_an_older_rule_is_not_taken_for_a_tested_one(doubler, tmp_path):
    done = quietly(doubler, [], tmp_path)
    report = json.loads((done.path / "parity.json").read_text())
    (done.path / "parity.json").write_text(json.dumps({**report, "rule": "as it was"}))
    with pytest.raises(ExportError, match="an older rule: delete it"):
        quietly(doubler, [], tmp_path)


def test_what_a_server_would_refuse_at_its_start_is_refused_whatever_is_tolerated(doubler, tmp_path):
    loose = replace(doubler, formats=(factor_format("first", 2.1),))
    with pytest.raises(ParityError, match="a server would not start: for a batch of 1 "):
        quietly(loose, [], tmp_path, tolerance=Tolerance(rtol=0.5))
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_at_the_servers_batch_alone_is_refused(doubler, tmp_path):
    def load(folder):
        right = load_factor(folder)
        return lambda inputs: {"y": right(inputs)["y"] + (len(inputs["x"]) > 7)}

    first = replace(doubler.formats[0], load=load)
    with pytest.raises(ParityError, match="a server would not start: for a batch of 32 "):
        quietly(replace(doubler, formats=(first,)), [], tmp_path)


def test_another_sample_does_not_pass_for_the_one_that_is_kept(doubler, tmp_path):
    quietly(doubler, [], tmp_path)
    real = replace(doubler, samples={"x": np.array([[5, 6]], np.float32)})
    with pytest.raises(ExportError, match="has another sample: delete it"):
        quietly(real, [], tmp_path)


def test_formats_in_another_order_are_the_same_version_and_fewer_are_another(doubler, tmp_path):
    both = quietly(doubler, ["second", "first"], tmp_path).signature
    assert both.formats == ("first", "second")
    assert both.version == quietly(doubler, [], tmp_path).signature.version
    assert both.version != quietly(doubler, ["first"], tmp_path).signature.version


def test_a_format_that_the_model_cannot_have_is_refused(doubler, tmp_path):
    with pytest.raises(UsageError, match="--format third: doubler can be exported to first, second"):
        quietly(doubler, ["third"], tmp_path)


def test_an_output_without_a_batch_is_refused(doubler, tmp_path):
    summed = replace(doubler, eager=lambda inputs: {"y": inputs["x"].sum(axis=0)})
    assert summed.eager({"x": np.ones((3, 5), np.float32)})["y"].shape == (5,)
    with pytest.raises(ExportError, match="the first axis of each output must be the batch"):
        quietly(replace(summed, samples={"x": np.ones((2, 5), np.float32)}), [], tmp_path)


def test_only_an_image_model_has_a_photograph(doubler, tmp_path):
    plain = replace(doubler, description=replace(doubler.description, photograph=None))
    assert not (quietly(plain, [], tmp_path).path / "sample.png").exists()
