"""Read a shape from the command line."""

import argparse


def shape(text: str) -> tuple[int, ...]:
    """Read the lengths of axes with commas between them, such as `3,224,224`.

    Raises:
        argparse.ArgumentTypeError: a length is not a number above 0.

    """
    axes = text.split(",")
    if not all(axis.isdecimal() and int(axis) for axis in axes):
        raise argparse.ArgumentTypeError(f"{text!r}: give sizes above 0 with commas between, as 3,224,224")
    return tuple(int(axis) for axis in axes)
