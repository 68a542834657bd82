"""The user's own functions before and after the model: `steps/hooks.py` of the artifact.

The file defines one of these functions, or both:

    def preprocess(request: object) -> dict[str, numpy.ndarray]
    def postprocess(tensors: dict[str, numpy.ndarray]) -> object

`preprocess` takes the parsed JSON body of /predict and returns the inputs by name, the batch first.
`postprocess` takes the outputs of this request by name, the batch first, and returns what JSON can carry.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import HookFailed, RefusedByHook, RequestError, TooLarge
from app.signature import ArtifactError, Signature, Tensor
from app.tensors import DTYPES, Arrays

PREPROCESS, POSTPROCESS = "preprocess", "postprocess"

OPEN_TENSOR_BYTES = 32 * 2**20
"""Most bytes of the tensors that `preprocess` returns for a request, where an axis may have any length."""

TOLD = 500
"""Most characters of a ValueError of the user's code that a client is told."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """The functions of a hooks file. Each may be called from several threads at once."""

    file: Path
    signature: Signature
    preprocess: Callable[[object], object] | None
    postprocess: Callable[[Arrays], object] | None

    @classmethod
    def load(cls, file: Path, signature: Signature) -> Self:
        """Run the file.

        Raises:
            ArtifactError: it raises an error, or defines neither function.

        """
        module = ModuleType(f"slipway_hooks_{signature.version}")
        module.__file__ = str(file)
        # Dataclasses look for their module there.
        sys.modules[module.__name__] = module
        try:
            # Not by an import, which would write byte code into the artifact.
            exec(compile(file.read_bytes(), file, "exec"), module.__dict__)  # noqa: S102 - the user's own code
        except Exception as error:
            raise ArtifactError(
                f"{file} cannot be run: {type(error).__name__}: {error}; packages that it imports must be in "
                "the file of --hooks-requirements"
            ) from error
        found = {name: getattr(module, name, None) for name in (PREPROCESS, POSTPROCESS)}
        if not any(map(callable, found.values())):
            raise ArtifactError(f"{file} defines no function {PREPROCESS} or {POSTPROCESS}")
        return cls(file=file, signature=signature, **cast(Any, found))

    def cost(self, length: int, batch_size: int) -> int:
        """Return the most bytes that the tensors of a request may take."""
        del length
        return OPEN_TENSOR_BYTES if self._sample_bytes is None else batch_size * self._sample_bytes

    def tensors(self, request: object, batch_size: int) -> Arrays:
        """Return what `preprocess` makes of a parsed body.

        Raises:
            RefusedByHook: `preprocess` raised a ValueError.
            HookFailed: it raised another error, or returned no inputs of the signature.
            TooLarge: it returned more bytes than a request may have.

        """
        # The caller counts the samples.
        del batch_size
        assert self.preprocess is not None  # noqa: S101 - checked when the steps were loaded
        returned = self._call(PREPROCESS, self.preprocess, request)
        try:
            arrays = self._checked(returned)
        except TypeError as error:
            log.error("%s of %s returned no inputs of the model: %s", PREPROCESS, self.file.name, error)  # noqa: TRY400 - no traceback leads there
            raise HookFailed(PREPROCESS) from None
        held = sum(array.nbytes for array in arrays.values())
        if self._sample_bytes is None and held > OPEN_TENSOR_BYTES:
            raise TooLarge(
                f"the request becomes tensors of {held} bytes; at most {OPEN_TENSOR_BYTES} are accepted"
            )
        return arrays

    def finish(self, outputs: Arrays) -> bytes:
        """Return what `postprocess` makes of the outputs of a request, as JSON.

        NumPy's arrays and numbers become lists and numbers; NaN and infinities become null.

        Raises:
            RefusedByHook: `postprocess` raised a ValueError.
            HookFailed: it raised another error, or returned what JSON cannot carry.

        """
        assert self.postprocess is not None  # noqa: S101 - checked when the steps were loaded
        returned = self._call(POSTPROCESS, self.postprocess, outputs)
        try:
            return orjson.dumps(returned, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
        except TypeError as error:
            log.error("%s of %s returned what JSON cannot carry: %s", POSTPROCESS, self.file.name, error)  # noqa: TRY400 - no traceback leads there
            raise HookFailed(POSTPROCESS) from None

    def _call(self, name: str, function: Callable[[Any], object], argument: object) -> object:
        try:
            return function(argument)
        except ValueError as error:
            raise RefusedByHook(str(error)[:TOLD] or f"{name}() of this model refused the request") from None
        except (RequestError, MemoryError):
            raise
        except Exception:
            log.exception("%s of %s failed", name, self.file.name)
            raise HookFailed(name) from None

    def _checked(self, returned: object) -> Arrays:
        """Return inputs in the data types of the signature.

        Raises:
            TypeError: they are not the inputs of the signature.

        """
        names = [tensor.name for tensor in self.signature.inputs]
        if not isinstance(returned, dict):
            raise TypeError(f"{type(returned).__name__}; it must be a dict of the arrays {', '.join(names)}")
        given = cast(dict[Any, Any], returned)
        if given.keys() != set(names):
            raise TypeError(f"a dict of {', '.join(map(repr, given))}; it must have {', '.join(names)}")
        arrays = {tensor.name: _as_input(given[tensor.name], tensor) for tensor in self.signature.inputs}
        sizes = {name: len(array) for name, array in arrays.items()}
        if len(set(sizes.values())) > 1 or 0 in sizes.values():
            raise TypeError(f"the numbers of samples are {sizes}; they must be equal, and 1 or more")
        return arrays

    @property
    def _sample_bytes(self) -> int | None:
        """How many bytes the inputs of a sample take; None where an axis has any length."""
        size = 0
        for tensor in self.signature.inputs:
            if tensor.sample_size is None:
                return None
            size += tensor.sample_size * DTYPES[tensor.datatype].itemsize
        return size


def _as_input(value: object, tensor: Tensor) -> NDArray[Any]:
    dtype = DTYPES[tensor.datatype]
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{tensor.name!r} is {type(value).__name__}; it must be a numpy.ndarray")
    array = cast(NDArray[Any], value)
    if dtype.kind == "O":
        array = array.astype(np.object_)
        wrong = {type(text) for text in array.ravel().tolist()} != {str}
    else:
        wrong = not np.can_cast(array.dtype, dtype, "same_kind")
    if wrong or array.ndim == 0 or not tensor.fits(array.shape[1:]):
        raise TypeError(
            f"{tensor.name!r} is {array.dtype} {list(array.shape)}; the signature says {tensor.datatype} "
            f"{list(tensor.shape)}, -1 being any length"
        )
    cast_array = array.astype(dtype, copy=False)
    if dtype.kind in "iu" and not np.array_equal(cast_array, array):
        raise TypeError(f"{tensor.name!r} holds a number beyond {tensor.datatype}")
    return np.ascontiguousarray(cast_array)


def _plain(value: object) -> object:
    # Arrays that are not contiguous; everything else is refused.
    if isinstance(value, np.ndarray):
        return cast(NDArray[Any], value).tolist()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
