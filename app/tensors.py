"""Tensors by name, and the data types that they may have."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
"""Tensors by name. The first axis of each is the batch."""

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{
        f"{prefix}INT{bits}": np.dtype(f"{prefix.lower()}int{bits}")
        for prefix in ("", "U")
        for bits in (8, 16, 32, 64)
    },
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
    "BYTES": np.dtype(np.object_),
}
"""NumPy's types by the Open Inference Protocol's names. BYTES are arrays of `str`.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md#tensor-data-types
"""
