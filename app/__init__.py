"""The server that answers requests with a model from an artifact. Imports nothing from model/ or infra/."""

__version__ = "0.1.0"
