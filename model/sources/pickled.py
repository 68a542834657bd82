"""Make a source of a whole module that torch.save pickled. Reading it runs code from the file."""

from pathlib import Path

import torch
from torch import nn

from model.errors import ExportError, quoted
from model.source import Source
from model.sources.kind import Given
from model.sources.pytorch import check_examples, with_examples


def load(given: Given) -> Source:
    """Make a source of a pickled module, and say that reading it has run code.

    Raises:
        UsageError: neither an example nor a shape of the input is given.
        ExportError: the file cannot be read, or holds no module.

    """
    check_examples(given)
    file: Path = given.model
    given.report(f"loading {file}: this runs code that is in the file")
    try:
        module = torch.load(file, map_location="cpu", weights_only=False)
    except OSError as error:
        raise ExportError(f"--pickled {file}: {error.strerror}") from None
    except Exception as error:
        raise ExportError(
            f"--pickled {file}: cannot be unpickled ({quoted(error)}). The code of its classes must be "
            "importable from the current directory, under the name that it had when the file was written"
        ) from error
    if not isinstance(module, nn.Module):
        raise ExportError(
            f"--pickled {file}: holds {type(module).__name__}, not a module: weights go with --factory and "
            "--checkpoint"
        )
    return with_examples(module, given)
