"""Artifact to answers: the server that is packaged with a model. Imports nothing from model/ or infra/."""

__version__ = "0.1.0"
