"""The kinds of models that can be exported: for each there is a row here, and a file that loads it."""

import argparse
from importlib import import_module
from typing import cast

from model.errors import ExportError, UsageError
from model.source import Source
from model.sources.kind import Given, Kind, Loader, Option
from model.sources.shape import axis, shape

CHECKPOINT = Option(flag="--checkpoint", metavar="FILE", help="the module's weights: a saved state_dict")
INPUT_SHAPE = Option(
    flag="--input-shape",
    metavar="3,224,224",
    type=shape,
    help="shape of one float32 sample without the batch, in place of --example; random samples are used",
)
INPUT_NAME = Option(
    flag="--input-name",
    metavar="NAME",
    type=str,
    help="the input's name, if --example is .npy (default: input)",
)
OPEN_AXIS = Option(
    flag="--open-axis",
    metavar="INPUT:AXIS",
    type=axis,
    action="append",
    help="an axis that may have any length, as input_ids:1; can be repeated. The batch is open anyway",
)
NO_BATCH_AXIS = Option(
    flag="--no-batch-axis",
    action="store_true",
    help="the tensors have no batch axis: --example holds one sample in the shapes that the model takes, and "
    "the server computes one request at a time",
)
SIGNATURE_NAME = Option(
    flag="--signature-name",
    metavar="NAME",
    type=str,
    help="the signature of the SavedModel (default: serving_default); another one is exported to ONNX alone",
)
RUN_CODE = Option(
    flag="--run-code-in-file",
    action="store_true",
    help="reading a pickle runs code that is in the file, with your rights; give this option only for a file "
    "that you wrote, or whose author you trust",
)


TABLE = "the model or its example says it"

KINDS = (
    Kind(
        option=Option(
            flag="--factory",
            metavar="PACKAGE.MODULE:FUNCTION",
            type=str,
            help="your function that returns a torch.nn.Module; it is called without arguments",
        ),
        module="factory",
        libraries="make pytorch",
        takes=(CHECKPOINT, INPUT_SHAPE, INPUT_NAME, OPEN_AXIS, NO_BATCH_AXIS),
        requires=(CHECKPOINT,),
        why_not="a PyTorch module has no such thing",
    ),
    Kind(
        option=Option(flag="--torchscript", metavar="FILE", help="a TorchScript file, traced or scripted"),
        module="torchscript",
        libraries="make pytorch",
        takes=(INPUT_SHAPE, INPUT_NAME, OPEN_AXIS, NO_BATCH_AXIS),
        why_not="a TorchScript file has its weights",
    ),
    Kind(
        option=Option(flag="--exported-program", metavar="FILE", help="a program of torch.export: .pt2"),
        module="exported_program",
        libraries="make pytorch",
        takes=(NO_BATCH_AXIS,),
        why_not="an exported program has its weights, and says what it takes",
    ),
    Kind(
        option=Option(
            flag="--pickled",
            metavar="FILE",
            help="a whole PyTorch module, saved by torch.save(module); needs --run-code-in-file",
        ),
        module="pickled",
        libraries="make pytorch",
        takes=(RUN_CODE, INPUT_SHAPE, INPUT_NAME, OPEN_AXIS, NO_BATCH_AXIS),
        requires=(RUN_CODE,),
        why_not="a pickled module has its weights",
    ),
    Kind(
        option=Option(flag="--onnx", metavar="FILE", help="an ONNX file; its external data is taken along"),
        module="onnx",
        libraries=None,
        takes=(NO_BATCH_AXIS,),
        why_not="an ONNX file has its weights, and says what it takes",
    ),
    Kind(
        option=Option(flag="--saved-model", metavar="DIR", help="a TensorFlow SavedModel"),
        module="savedmodel",
        libraries="make tensorflow",
        takes=(SIGNATURE_NAME, NO_BATCH_AXIS),
        why_not="a SavedModel has it",
    ),
    Kind(
        option=Option(
            flag="--sklearn",
            metavar="FILE",
            help="an estimator or pipeline of scikit-learn: .skops, or a pickle with --run-code-in-file",
        ),
        module="sklearn",
        libraries="make sklearn",
        takes=(RUN_CODE,),
        reads_tables=True,
        why_not=TABLE,
    ),
    Kind(
        option=Option(flag="--xgboost", metavar="FILE", help="a model of XGBoost: .json or .ubj"),
        module="xgboost",
        libraries="make xgboost",
        reads_tables=True,
        why_not=TABLE,
    ),
    Kind(
        option=Option(flag="--lightgbm", metavar="FILE", help="a model of LightGBM: .txt"),
        module="lightgbm",
        libraries="make lightgbm",
        reads_tables=True,
        why_not=TABLE,
    ),
    Kind(
        option=Option(flag="--catboost", metavar="FILE", help="a model of CatBoost: .cbm"),
        module="catboost",
        libraries="make catboost",
        reads_tables=True,
        why_not=TABLE,
    ),
    Kind(
        option=Option(
            flag="--huggingface",
            metavar="DIR",
            help="the folder of a model of Transformers: text or token classification, or embeddings",
        ),
        module="huggingface",
        libraries="make pytorch && make huggingface",
        why_not="the folder has it",
    ),
    Kind(
        option=Option(
            flag="--mlflow",
            metavar="DIR",
            help="a model that MLflow has saved, of the flavor onnx, sklearn, xgboost, lightgbm or pytorch",
        ),
        module="mlflow",
        libraries=None,
        takes=(RUN_CODE, OPEN_AXIS, NO_BATCH_AXIS),
        reads_tables=True,
        why_not=TABLE,
    ),
    Kind(
        option=Option(flag="--keras", metavar="FILE", help="a Keras model: .keras or .h5"),
        module="keras",
        libraries="make tensorflow",
        takes=(NO_BATCH_AXIS,),
        why_not="a Keras model has it",
    ),
)
"""Each kind of model that the command line can name. `model.options` and `model.load` follow this table."""


def options() -> tuple[Option, ...]:
    """Return the options that some kinds take and others do not, each once."""
    return tuple(dict.fromkeys(option for kind in KINDS for option in (*kind.requires, *kind.takes)))


def chosen(given: argparse.Namespace) -> Kind | None:
    """Return the kind of the model that a command line names; None if it names none of this table.

    Raises:
        UsageError: it names several.

    """
    kinds = [kind for kind in KINDS if getattr(given, kind.option.name)]
    if len(kinds) > 1:
        raise UsageError(
            f"{' and '.join(kind.option.flag for kind in kinds)} name two models: give one of them"
        )
    return kinds[0] if kinds else None


def load(kind: Kind, given: Given) -> Source:
    """Load a model by the file of its kind.

    Raises:
        UsageError: an option is missing.
        ExportError: the model cannot be loaded, or a library that its kind needs is not installed.

    """
    try:
        loader = cast(Loader, import_module(f"{__name__}.{kind.module}"))
    except ModuleNotFoundError as error:
        raise ExportError(f"{kind.option.flag} needs {error.name}: `{kind.libraries}` adds it") from None
    return loader.load(given)
