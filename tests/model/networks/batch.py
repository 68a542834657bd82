"""Networks that depend on the size of the batch or on the other samples in it."""

import torch
from torch import nn


def encoder():
    """With the batch on the second axis, as PyTorch has it by default."""
    return nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)


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


class EncoderOfIds(nn.Module):
    """Attends over the batch, as `encoder` does."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.encoder = encoder()

    def forward(self, ids):
        return self.encoder(self.embedding(ids))


class SequenceFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(8, 4)

    def forward(self, x):
        return self.recurrent(x)[0]


class WithoutRunningStatistics(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(2, track_running_stats=False)

    def forward(self, x):
        return self.norm(x)


class BatchNormOfBatch(nn.Module):
    def forward(self, x):
        return nn.functional.batch_norm(x, None, None, training=True)


class ScaledByLargest(nn.Module):
    def forward(self, x):
        return x / x.abs().max()


class Reversed(nn.Module):
    def forward(self, x):
        return x.flip(0)


class Products(nn.Module):
    """Returns as many values for a sample as the batch has samples."""

    def forward(self, x):
        return x @ x.T


class ProductsAndOne(nn.Module):
    def forward(self, x):
        return torch.cat([x @ x.T, x[:, :1]], dim=1)


class LargeBatches(nn.Module):
    """Computes batches above every size that the gate tries differently."""

    def forward(self, x):
        return x * 3 if x.shape[0] > 100 else x * 2


class LargerThanOne(nn.Module):
    def forward(self, x):
        return x * 3 if x.shape[0] > 1 else x * 2


class Squeezed(nn.Module):
    def forward(self, x):
        return (x * 2).squeeze()


class Summed(nn.Module):
    def forward(self, x):
        return x.sum()


class OneByOne(nn.Module):
    def forward(self, x):
        return x.view(1, 3)


class ExitingAlone(nn.Module):
    def forward(self, x):
        if x.shape[0] == 1:
            raise SystemExit(3)
        return x * 2
