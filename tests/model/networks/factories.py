"""Factories that return a network, return something else, or fail."""

import torch
from torch import nn


def linear():
    return nn.Linear(3, 3)


def scripted():
    return torch.jit.script(nn.Linear(3, 3))


def exported():
    return torch.export.export(nn.Linear(3, 3), (torch.ones(1, 3),)).module()


def compiled():
    return torch.compile(nn.Linear(3, 3))


def raising():
    width = int("wide")
    return nn.Linear(width, 3)


def asking(width):
    return nn.Linear(width, 3)


def importing():
    import a_library_of_theirs  # pyright: ignore[reportMissingImports]

    return a_library_of_theirs
