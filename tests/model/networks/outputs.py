"""Networks whose outputs cannot be served, or can only be served without a softmax."""

import torch
from torch import nn


class NotANumber(nn.Module):
    def forward(self, x):
        return torch.log(-x.abs() - 1)


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


class NumberedOutputs(nn.Module):
    def forward(self, x):
        return {0: x, 1: x * 2}


class WithoutOutputs(nn.Module):
    def forward(self, _x):
        return ()


class Probabilities(nn.Module):
    def forward(self, x):
        return x.softmax(1)


class OneClass(nn.Module):
    def forward(self, x):
        return x[:, :1]
