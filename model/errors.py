"""The errors that a person who exports a model sees."""


class ExportError(Exception):
    """A model cannot be exported. The message says why and what to do about it."""


class ParityError(ExportError):
    """An export does not answer as the model that it was made from."""


class UsageError(ExportError):
    """The options do not go together."""
