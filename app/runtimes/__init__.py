"""One module a format, each with `load(folder, signature)`. Imported only where its format is served."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from app.signature import ArtifactError, Signature
from app.tensors import Arrays

Run = Callable[[Arrays], Arrays]
"""Answers a batch: inputs by name to outputs by name.

May be called from several threads at once; each call computes on its own thread. May raise InputRefused.
"""


class InputRefused(Exception):  # noqa: N818 - the request is at fault, not the program
    """The model cannot take these values, though datatype and shape fit: an index beyond a table, say."""


def load(artifact: Path, signature: Signature, runtime: str) -> Run:
    """Load an artifact's model in one format.

    Raises:
        ArtifactError: the artifact lacks the format, or this image its runtime.

    """
    folder = artifact / runtime
    if not folder.is_dir():
        raise ArtifactError(
            f"{folder} is missing: SLIPWAY_RUNTIME is {runtime}, "
            f"and the artifact was exported as {', '.join(signature.formats)}"
        )
    try:
        module = import_module(f"app.runtimes.{runtime}")
    except ModuleNotFoundError as error:
        raise ArtifactError(
            f"SLIPWAY_RUNTIME={runtime} needs {error.name}: install app/requirements/{runtime}.txt"
        ) from None
    return cast(Callable[[Path, Signature], Run], module.load)(folder, signature)
