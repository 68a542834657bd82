"""The error that every failed command reports."""


class OperationError(Exception):
    """A step failed. The message says which, why, and what to do next."""
