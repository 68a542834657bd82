"""Modules as users bring them: each is right or wrong in one way."""

import torch
from torch import nn


def encoder():
    """With the batch on the second axis, as PyTorch has it by default."""
    return nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)


def encoder_batch_first():
    return nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)


class NormedByBatch(nn.Module):
    def forward(self, x):
        return x / x.norm(dim=0, keepdim=True)


class Numbered(nn.Module):
    """Adds each sample's place in its batch."""

    def forward(self, x):
        return x + torch.arange(x.shape[0], dtype=x.dtype)[:, None]


class CountedByPython(nn.Module):
    """Adds each sample's place, by a length that torch.export takes for a constant."""

    def forward(self, x):
        return x + 0 * torch.arange(len(x), dtype=x.dtype)[:, None]


class BatchStatistics(nn.Module):
    """A batch norm that ignores eval()."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(2)

    def train(self, mode=True):
        del mode
        return super().train(True)

    def forward(self, x):
        return self.norm(x)


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


class NotANumber(nn.Module):
    def forward(self, x):
        return torch.log(-x.abs() - 1)


class Choosing(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x
        return -x


class Looping(nn.Module):
    def forward(self, x):
        for _ in range(int(x[0, 0])):
            x = x + 1
        return x


class Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        return x + torch.cond(self.linear.weight.sum() > 0, torch.relu, torch.neg, (self.linear.bias,))


class NoColumns(nn.Module):
    def forward(self, x):
        return x[:, :0]


class Brain(nn.Module):
    """Weights, inputs and outputs in bfloat16."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3, dtype=torch.bfloat16)

    def forward(self, x):
        return self.linear(x.to(torch.bfloat16))


class Cache:
    """No tensor."""


class WithCache(nn.Module):
    def forward(self, x):
        return {"logits": x, "past_key_values": Cache()}


class Embedding(nn.Module):
    """Its layers name tensors of the graph `embedding`, `linear` and `mean`."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.linear = nn.Linear(4, 4)
        self.x = nn.Parameter(torch.ones(4))

    def forward(self, ids):
        return self.linear(self.embedding(ids)).mean(1) * self.x


class StaysInTraining(nn.Module):
    def train(self, mode=True):
        del mode
        return self

    def forward(self, x):
        return x * 2


def scripted():
    return torch.jit.script(nn.Linear(3, 3))


def exported():
    return torch.export.export(nn.Linear(3, 3), (torch.ones(1, 3),)).module()


def raising():
    width = int("wide")
    return nn.Linear(width, 3)


def asking(width):
    return nn.Linear(width, 3)


def importing():
    import a_library_of_theirs  # pyright: ignore[reportMissingImports]

    return a_library_of_theirs


class Raising(nn.Module):
    def forward(self, _x):
        raise KeyError("weights")
