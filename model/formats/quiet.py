"""Hide messages of PyTorch's exporters that a user cannot act on."""

import io
import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr

LOGGERS = ("torch.onnx._internal.exporter._registration", "torch.fx.experimental.symbolic_shapes")
"""They log missing torchvision operators, which are not needed, and errors that are raised as well."""


@contextmanager
def quiet() -> Generator[None]:
    """Hide the messages of these loggers, four kinds of warnings, and stderr, where errors print graphs."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)
            # The parity gate finds a trace that is incorrect.
            warnings.filterwarnings("ignore", message="(?s).*might cause the trace to be incorrect")
            # Recurrent layers keep a list of their weights; a state that changes an answer is found before.
            warnings.filterwarnings("ignore", message=".*were assigned during export", category=UserWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
