"""One module a format: how a model is written down, and how what was written is run."""
