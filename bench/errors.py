"""The one error that a person who runs the benchmark sees."""


class BenchError(Exception):
    """A measurement cannot be made, or its figures could not be trusted. The message says why."""
