"""TensorFlow, as every test of one process must have it."""

import os
import warnings
from typing import Any

import pytest

from app.cpu import cpu_limit


def tensorflow() -> Any:
    """Import TensorFlow, on as many threads as the server has, or skip the test.

    It takes the number of its threads once in a process, before it computes, and this is what the server's
    runtime asks for.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module: Any = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: make tensorflow")
    module.config.threading.set_intra_op_parallelism_threads(1)
    module.config.threading.set_inter_op_parallelism_threads(cpu_limit())
    return module
