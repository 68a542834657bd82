"""What PyTorch's exporters say of themselves, and no caller can act on."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager

REGISTRATION = "torch.onnx._internal.exporter._registration"
"""The logger that tells of each torchvision operator that is neither installed nor needed."""


@contextmanager
def quiet() -> Generator[None]:
    """Hide it, and nothing else."""
    logger = logging.getLogger(REGISTRATION)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
