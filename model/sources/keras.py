"""Make a source of a Keras model: a .keras or .h5 file."""

import atexit
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import ExportError, quoted
from model.formats import savedmodel
from model.signature import Arrays
from model.source import Source, one_by_one
from model.sources.kind import Given
from model.sources.savedmodel import savedmodel_source
from model.version import fingerprint


def load(given: Given) -> Source:
    """Make a source of a Keras file, by way of the SavedModel that Keras writes of it.

    The SavedModel is held against the answers of the Keras model itself. Layers with code in the file
    (Lambda) are refused, because reading them would run that code.

    Raises:
        ExportError: TensorFlow is not installed, the file cannot be read or served, or the samples do not
            fit it.

    """
    file: Path = given.model
    savedmodel.tensorflow()
    given.report(f"loading {file}")
    return keras_source(_read(file), given)


def keras_source(model: Any, given: Given) -> Source:  # noqa: ANN401 - Keras has no types
    """Make a source of a model of Keras.

    Raises:
        ExportError: TensorFlow is not installed, the model cannot be served, or the samples do not fit.

    """
    savedmodel.tensorflow()
    folder = Path(tempfile.mkdtemp(prefix="slipway-keras-"))
    # The export reads the folder until the process ends.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        model.export(str(folder), format="tf_saved_model", verbose=False)
    except Exception as error:
        raise ExportError(f"Keras cannot export the model: {quoted(error)}") from error
    source = savedmodel_source(replace(given, model=folder))
    source = replace(source, fingerprint=_fingerprint(model))
    if given.expected:
        return source
    groups = (source.samples, *source.others)
    return replace(source, expected=tuple(_answers(model, source, samples) for samples in groups))


def _read(file: Path) -> Any:  # noqa: ANN401 - Keras has no types
    import keras

    if not file.is_file():
        raise ExportError(f"--keras {file}: there is no such file")
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:
        raise ExportError(
            f"--keras {file}: Keras {keras.__version__} cannot read it without running code from it: "
            f"{quoted(error)}. Where it holds layers of your own or Lambda layers, load it in Python and "
            "write a SavedModel by model.export(DIR); then give --saved-model DIR"
        ) from error


def _fingerprint(model: Any) -> bytes:  # noqa: ANN401 - as above
    """Hash layers and weights. The SavedModel itself has other bytes each time."""
    return fingerprint(
        model.to_json(),
        (
            (f"{number} {weight.path}", str(weight.dtype), tuple(weight.shape), np.asarray(weight).tobytes())
            for number, weight in enumerate(model.weights)
        ),
    )


def _answers(model: Any, source: Source, samples: Arrays) -> Arrays:  # noqa: ANN401 - as above
    """Return what Keras itself answers to samples, by the names of the SavedModel's outputs."""
    import keras

    def run(inputs: Arrays) -> Arrays:
        values = [inputs[name] for name in _input_names(model, inputs)]
        answer = model(values[0] if len(values) == 1 else values, training=False)
        flat = [np.asarray(part) for part in keras.tree.flatten(answer)]
        return dict(zip(_output_names(model, len(flat)), flat, strict=True))

    named = (run if source.batched else one_by_one(run))(samples)
    served = source.eager(samples)
    return {name: named[name] for name in served if name in named}


def _input_names(model: Any, inputs: Arrays) -> list[str]:  # noqa: ANN401 - as above
    names = [tensor.name for tensor in getattr(model, "inputs", None) or ()]
    return names if set(names) == set(inputs) else list(inputs)


def _output_names(model: Any, count: int) -> list[str]:  # noqa: ANN401 - as above
    names: list[str] = list(getattr(model, "output_names", None) or ())
    return names if len(names) == count and count > 1 else [f"output_{number}" for number in range(count)]
