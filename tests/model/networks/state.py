"""Networks whose output changes from call to call, or depends on weights outside the checkpoint."""

import random

import torch
from torch import nn


class Dropping(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5, training=True)


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x + self.calls


class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("last", torch.zeros(1), persistent=False)

    def forward(self, x):
        answer = x + self.last
        self.last += x.mean()
        return answer


class PythonRandom(nn.Module):
    def forward(self, x):
        return x * random.random()


def random_weights():
    """Others at each call, whatever the seed."""
    return torch.randn(3, 3, generator=torch.Generator().manual_seed(random.getrandbits(32)))


class PlainTensor(nn.Module):
    """Its weights are neither a parameter nor a buffer."""

    def __init__(self):
        super().__init__()
        self.weights = random_weights()

    def forward(self, x):
        return x @ self.weights


class PlainList(nn.Module):
    """Its layers are in a plain list, and not in a ModuleList."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(3, 3).requires_grad_(requires_grad=False)]
        self.layers[0].weight.data = random_weights()

    def forward(self, x):
        return self.layers[0](x)


class UnsavedBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weights", random_weights(), persistent=False)

    def forward(self, x):
        return x @ self.weights
