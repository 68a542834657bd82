"""Export a trained model to an artifact that Slipway serves: docs/models/notebook.md."""

from model.errors import ExportError
from model.notebook import export

__all__ = ["ExportError", "export"]
