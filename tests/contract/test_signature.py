"""What the export accepts as a signature the server accepts, and the other way round."""

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.signature import ArtifactError
from app.signature import Signature as ServedSignature
from app.tensors import DTYPES
from model.errors import ExportError
from model.signature import DATATYPES
from model.signature import Signature as ExportedSignature

CLASSIFIER: dict[str, Any] = {
    "name": "cats",
    "version": "0123456789ab",
    "formats": ["onnx"],
    "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 8, 6]}],
    "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 2]}],
    "labels": ["tabby", "tiger"],
    "activation": "softmax",
    "image": {
        "input": "image",
        "fit": "crop",
        "resize": 9,
        "crop": [8, 6],
        "fill": 114,
        "color": "RGB",
        "datatype": "FP32",
        "interpolation": "bilinear",
        "layout": "NCHW",
        "scale": 0.5,
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
    },
    "batchable": True,
}
PLAIN: dict[str, Any] = CLASSIFIER | {"labels": None, "activation": None, "image": None}
EXPORTED = TypeAdapter(ExportedSignature)
SECOND = {"name": "second", "datatype": "FP32", "shape": [-1, 2]}

WITHOUT_BATCH: dict[str, Any] = PLAIN | {
    "inputs": [
        {"name": "state", "datatype": "FP32", "shape": [2, 1, 8], "batched": False},
        {"name": "rate", "datatype": "INT64", "shape": [], "batched": False},
    ],
    "outputs": [{"name": "next", "datatype": "FP32", "shape": [2, 1, 8], "batched": False}],
    "batchable": False,
}


def changed(base, path, value):
    """Return a signature with one value changed: `changed(base, "inputs.0.shape", [-1])`."""
    signature = copy.deepcopy(base)
    place, keys = signature, [int(key) if key.isdecimal() else key for key in path.split(".")]
    for key in keys[:-1]:
        place = place[key]
    if keys[-1] == len(place):
        place.append(value)
    else:
        place[keys[-1]] = value
    return signature


GOOD = {
    "a classifier of photographs": CLASSIFIER,
    "tensors alone": PLAIN,
    "labels without an activation": changed(CLASSIFIER, "activation", None),
    "labels of whole numbers": changed(CLASSIFIER, "outputs.0.datatype", "INT64"),
    "labels and a second output": changed(CLASSIFIER, "outputs.1", SECOND),
    "two inputs": changed(PLAIN, "inputs.1", SECOND),
    "a scalar a sample": changed(PLAIN, "inputs.0.shape", [-1]),
    "open axes": changed(PLAIN, "inputs.0.shape", [-1, -1, 3]),
    "a grey photograph": changed(
        changed(CLASSIFIER, "inputs.0.shape", [-1, 1, 8, 6]),
        "image",
        CLASSIFIER["image"] | {"color": "grey", "mean": [0], "std": [1]},
    ),
    "a photograph of 8 bits": changed(
        changed(CLASSIFIER, "inputs.0.datatype", "UINT8"),
        "image",
        CLASSIFIER["image"] | {"datatype": "UINT8", "scale": 1},
    ),
    "a squashed photograph": changed(
        CLASSIFIER, "image", CLASSIFIER["image"] | {"fit": "squash", "resize": None}
    ),
    "a photograph between bars": changed(
        CLASSIFIER, "image", CLASSIFIER["image"] | {"fit": "letterbox", "resize": None, "fill": 0}
    ),
    "channels last": changed(changed(CLASSIFIER, "image.layout", "NHWC"), "inputs.0.shape", [-1, 8, 6, 3]),
    "a crop beyond the picture": changed(CLASSIFIER, "image.resize", 5),
    "a long name": changed(PLAIN, "name", "a" * 63),
    "tensors without a batch": WITHOUT_BATCH,
    "an open first axis without a batch": changed(WITHOUT_BATCH, "outputs.0.shape", [-1, 4]),
    "labels without a batch": changed(changed(WITHOUT_BATCH, "labels", ["a", "b"]), "outputs.0.shape", [2]),
    "a model that needs its batch": changed(PLAIN, "batchable", False),
    **{
        f"an input of {datatype}": changed(PLAIN, "inputs.0.datatype", datatype)
        for datatype in DATATYPES.values()
    },
}
BAD = {
    "a batch in one tensor alone": changed(WITHOUT_BATCH, "outputs.0.batched", True),
    "requests that share a batch that is not there": changed(WITHOUT_BATCH, "batchable", True),
    "an axis without values where there is no batch": changed(WITHOUT_BATCH, "outputs.0.shape", [0]),
    "a photograph without a batch": changed(
        changed(changed(CLASSIFIER, "inputs.0.batched", False), "outputs.0", WITHOUT_BATCH["inputs"][1]),
        "batchable",
        False,
    )
    | {"labels": None, "activation": None},
    "labels on three axes": changed(CLASSIFIER, "outputs.0.shape", [-1, 7, 2]),
    "labels on no axis": changed(CLASSIFIER, "outputs.0.shape", [-1]),
    "labels on an open axis": changed(CLASSIFIER, "outputs.0.shape", [-1, -1]),
    "too many labels": changed(CLASSIFIER, "labels", ["a", "b", "c"]),
    "too few labels": changed(CLASSIFIER, "labels", ["a"]),
    "no labels in the list": changed(CLASSIFIER, "labels", []),
    "labels of booleans": changed(CLASSIFIER, "outputs.0.datatype", "BOOL"),
    "labels of unsigned numbers": changed(CLASSIFIER, "outputs.0.datatype", "UINT8"),
    "an activation without labels": changed(PLAIN, "activation", "softmax"),
    "an unknown activation": changed(CLASSIFIER, "activation", "sigmoid"),
    "a photograph into whole numbers": changed(CLASSIFIER, "inputs.0.datatype", "UINT8"),
    "a photograph into half precision": changed(CLASSIFIER, "inputs.0.datatype", "FP16"),
    "a photograph beside a second input": changed(CLASSIFIER, "inputs.1", SECOND),
    "a photograph before a second input": changed(CLASSIFIER, "inputs", [SECOND, *CLASSIFIER["inputs"]]),
    "a photograph of another input": changed(CLASSIFIER, "image.input", "picture"),
    "a photograph of another size": changed(CLASSIFIER, "image.crop", [6, 8]),
    "a photograph in another layout": changed(CLASSIFIER, "image.layout", "NHWC"),
    "an unknown layout": changed(CLASSIFIER, "image.layout", "CHW"),
    "an unknown interpolation": changed(CLASSIFIER, "image.interpolation", "nearest"),
    "no pixels": changed(CLASSIFIER, "image.resize", 0),
    "an open crop": changed(changed(CLASSIFIER, "image.crop", [-1, -1]), "inputs.0.shape", [-1, 3, -1, -1]),
    "a squashed photograph that is resized": changed(CLASSIFIER, "image.fit", "squash"),
    "a cropped photograph that is not resized": changed(CLASSIFIER, "image.resize", None),
    "a grey photograph of three means": changed(CLASSIFIER, "image.color", "grey"),
    "bars beyond white": changed(CLASSIFIER, "image.fill", 256),
    "8 bits that are scaled": changed(
        changed(CLASSIFIER, "inputs.0.datatype", "UINT8"), "image.datatype", "UINT8"
    ),
    "a deviation of 0": changed(CLASSIFIER, "image.std", [1, 0, 1]),
    "a scale of 0": changed(CLASSIFIER, "image.scale", 0),
    "an endless scale": changed(CLASSIFIER, "image.scale", float("inf")),
    "a mean that is no number": changed(CLASSIFIER, "image.mean", [0, float("nan"), 0]),
    "four means": changed(CLASSIFIER, "image.mean", [0, 0, 0, 0]),
    "a name with capitals": changed(PLAIN, "name", "Cats"),
    "a name with an underscore": changed(PLAIN, "name", "my_cats"),
    "a name of 64 letters": changed(PLAIN, "name", "a" * 64),
    "a name with a line break": changed(PLAIN, "name", "cats\n"),
    "no name": changed(PLAIN, "name", ""),
    "a tensor without a name": changed(PLAIN, "inputs.0.name", ""),
    "tensors that share a name": changed(PLAIN, "outputs.0.name", "image"),
    "inputs that share a name": changed(PLAIN, "inputs.1", PLAIN["inputs"][0]),
    "outputs that share a name": changed(PLAIN, "outputs.1", PLAIN["outputs"][0]),
    "a fixed batch": changed(PLAIN, "inputs.0.shape", [1, 3, 8, 6]),
    "no axis": changed(PLAIN, "inputs.0.shape", []),
    "an axis without values": changed(PLAIN, "outputs.0.shape", [-1, 0]),
    "an axis of -2": changed(PLAIN, "outputs.0.shape", [-1, -2]),
    "an unknown data type": changed(PLAIN, "outputs.0.datatype", "BF16"),
    "no inputs": changed(PLAIN, "inputs", []),
    "no outputs": changed(PLAIN, "outputs", []),
}


def exported(signature):
    EXPORTED.validate_python(signature)


def served(signature, folder):
    (folder / "signature.json").write_text(json.dumps(signature))
    ServedSignature.read(folder)


@pytest.mark.parametrize("name", GOOD)
def test_both_sides_accept_a_valid_signature(name, tmp_path):
    exported(GOOD[name])
    served(GOOD[name], tmp_path)


@pytest.mark.parametrize("name", BAD)
def test_both_sides_refuse_an_invalid_signature(name, tmp_path):
    with pytest.raises((ExportError, ValidationError)):
        exported(BAD[name])
    with pytest.raises(ArtifactError, match=r"signature\.json: \w"):
        served(BAD[name], tmp_path)


def test_the_server_reads_every_field_that_the_export_writes(tmp_path):
    written = EXPORTED.validate_python(CLASSIFIER).to_json()
    (tmp_path / "signature.json").write_text(written)

    read = json.loads(ServedSignature.read(tmp_path).model_dump_json())
    assert EXPORTED.validate_python(read).to_json() == written


def test_the_server_knows_every_data_type_that_is_exported_by_the_same_name():
    # The export keeps strings as NumPy's own type, and the server as objects.
    expected = {name: np.dtype(np.object_ if name == "str" else name) for name in DATATYPES}
    assert {name: DTYPES[datatype] for name, datatype in DATATYPES.items()} == expected
    assert set(DTYPES) == set(DATATYPES.values())


SHAPES = st.lists(st.sampled_from([-2, -1, -1, 0, 1, 2, 3, 6, 8]), max_size=4)
NAMES = st.one_of(st.sampled_from(["image", "logits", "second", ""]), st.text("abc-_.\n A1é", max_size=3))
DATATYPE_NAMES = st.sampled_from([*DATATYPES.values(), "BF16", ""])
TRIPLES = st.lists(st.sampled_from([-1, 0, 0.5, 1, 2]), min_size=1, max_size=4)
VALUES = {
    "name": NAMES,
    "labels": st.lists(st.sampled_from(["a", "b", ""]), max_size=3),
    "activation": st.sampled_from([None, "softmax", "sigmoid"]),
    "batchable": st.booleans(),
    "formats": st.lists(st.sampled_from(["onnx", "torchscript"])),
    "inputs": st.lists(st.sampled_from([SECOND, CLASSIFIER["inputs"][0]]), max_size=2),
    "inputs.1": st.just(SECOND),
    "inputs.0.batched": st.booleans(),
    "outputs.0.batched": st.booleans(),
    "outputs.1": st.sampled_from([SECOND, CLASSIFIER["outputs"][0]]),
    **{
        f"{tensor}.0.{key}": values
        for tensor in ("inputs", "outputs")
        for key, values in (("name", NAMES), ("datatype", DATATYPE_NAMES), ("shape", SHAPES))
    },
    "image": st.none(),
    "image.input": NAMES,
    "image.fit": st.sampled_from(["crop", "squash", "letterbox", "pad"]),
    "image.fill": st.integers(-1, 256),
    "image.color": st.sampled_from(["RGB", "BGR", "grey", "CMYK"]),
    "image.datatype": st.sampled_from(["FP32", "UINT8", "FP16"]),
    "image.resize": st.one_of(st.none(), st.integers(-1, 9)),
    "image.crop": st.lists(st.sampled_from([-1, 0, 6, 8]), min_size=1, max_size=3),
    "image.interpolation": st.sampled_from(["bilinear", "bicubic", "lanczos", "nearest"]),
    "image.layout": st.sampled_from(["NCHW", "NHWC", "HWC"]),
    "image.scale": st.sampled_from([-1, 0, 0.5, 1]),
    "image.mean": TRIPLES,
    "image.std": TRIPLES,
}
"""Allowed and forbidden values for each place of a signature."""

CHANGE = st.one_of(*(st.tuples(st.just(path), values) for path, values in VALUES.items()))


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([CLASSIFIER, PLAIN, WITHOUT_BATCH]), st.lists(CHANGE, min_size=1, max_size=3))
def test_both_sides_agree_on_every_signature(tmp_path, base, changes):
    signature = base
    for path, value in changes:
        try:
            signature = changed(signature, path, value)
        except (TypeError, IndexError, KeyError):
            # An earlier change removed the place.
            return
    assert verdict(lambda: exported(signature)) == verdict(lambda: served(signature, tmp_path)), signature


def verdict(check):
    try:
        check()
    except (ExportError, ValidationError, ArtifactError):
        return "refused"
    return "accepted"
