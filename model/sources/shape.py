"""Read shapes and axes from the command line."""

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


def axis(text: str) -> tuple[str, int]:
    """Read an input with one of its axes, such as `input_ids:1`.

    Raises:
        argparse.ArgumentTypeError: there is no number after a colon.

    """
    name, _, number = text.rpartition(":")
    if not name or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: give an input and the number of an axis, as input_ids:1")
    return name, int(number)
