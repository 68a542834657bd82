"""The user's own functions before and after the model, of the file of `--hooks`."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self, cast

import numpy as np

from model.errors import ExportError, quoted
from model.signature import Arrays

MODULE = "slipway_hooks"


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """The functions of a hooks file."""

    file: Path
    preprocess: Callable[[object], object] | None
    postprocess: Callable[[Arrays], object] | None

    @classmethod
    def load(cls, file: Path) -> Self:
        """Run the file.

        Raises:
            ExportError: it cannot be read, raises an error, or defines neither function.

        """
        module = sys.modules[MODULE] = ModuleType(MODULE)
        module.__file__ = str(file)
        try:
            # Not by an import, because the file need not be where Python looks for modules.
            exec(compile(file.read_bytes(), file, "exec"), module.__dict__)  # noqa: S102 - the user's own code
        except OSError as error:
            raise ExportError(f"--hooks {file}: {error.strerror}") from None
        except Exception as error:
            raise ExportError(f"--hooks {file}: running it fails: {quoted(error)}") from error
        found = {name: getattr(module, name, None) for name in ("preprocess", "postprocess")}
        if not any(map(callable, found.values())):
            raise ExportError(
                f"--hooks {file}: it defines neither preprocess(request) nor postprocess(tensors)"
            )
        return cls(file=file, **cast(Any, found))

    def tensors(self, request: object) -> Arrays:
        """Return what `preprocess` makes of the example request.

        Raises:
            ExportError: it raises an error, or returns something else than arrays by name.

        """
        returned = self._call("preprocess", self.preprocess, request)
        arrays = cast(dict[Any, Any], returned) if isinstance(returned, dict) else {}
        if not arrays or not all(
            isinstance(name, str) and isinstance(array, np.ndarray) for name, array in arrays.items()
        ):
            raise ExportError(
                f"--hooks {self.file}: preprocess must return a dict of numpy arrays by input name, the "
                f"batch first; it returned {type(returned).__name__}"
            )
        return arrays

    def finish(self, outputs: Arrays) -> object:
        """Return what `postprocess` makes of the outputs for the example request.

        Raises:
            ExportError: it raises an error.

        """
        return self._call("postprocess", self.postprocess, outputs)

    def _call(self, name: str, function: Callable[[Any], object] | None, argument: object) -> object:
        assert function is not None  # noqa: S101 - the plan names only functions that exist
        try:
            return function(argument)
        except Exception as error:
            raise ExportError(f"--hooks {self.file}: {name} fails on the example: {quoted(error)}") from error
