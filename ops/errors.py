"""The one error that a person who runs a command sees."""


class OperationError(Exception):
    """A step failed. The message says which, why, and what to do next."""
