"""Networks that are exported and served as they are."""

import torch
from torch import nn


def encoder_batch_first():
    return nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)


class Embedding(nn.Module):
    """Its layers name tensors of the graph `embedding`, `linear` and `mean`."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.linear = nn.Linear(4, 4)
        self.x = nn.Parameter(torch.ones(4))

    def forward(self, ids):
        return self.linear(self.embedding(ids)).mean(1) * self.x


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.GRU(8, 4, batch_first=True)

    def forward(self, x):
        return self.recurrent(x)[0]


class InPlace(nn.Module):
    def forward(self, x):
        x.mul_(2)
        return x


class FillsMissing(nn.Module):
    def forward(self, x):
        return torch.nan_to_num(x) * 2
