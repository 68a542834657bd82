"""Networks that PyTorch cannot run or cannot export."""

import torch
from torch import nn


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


class StaysInTraining(nn.Module):
    def train(self, mode=True):
        del mode
        return self

    def forward(self, x):
        return x * 2


class InNumPy(nn.Module):
    def forward(self, x):
        return torch.from_numpy(x.numpy() * 2)


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x):
        lengths = torch.full((x.shape[0],), x.shape[1])
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)[0]


class Inverse(nn.Module):
    """ONNX has no such operator."""

    def forward(self, x):
        return torch.linalg.inv(x + 10 * torch.eye(4))


class BrainInside(nn.Module):
    """Takes and gives float32, and computes in bfloat16."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3, dtype=torch.bfloat16)

    def forward(self, x):
        return self.linear(x.bfloat16()).float()


class Exiting(nn.Module):
    def forward(self, _x):
        raise SystemExit(3)


class Raising(nn.Module):
    def forward(self, _x):
        raise KeyError("weights")
