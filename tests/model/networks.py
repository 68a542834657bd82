"""Modules as users bring them: each is right or wrong in one way."""

import random

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


def linear():
    return nn.Linear(3, 3)


def compiled():
    return torch.compile(nn.Linear(3, 3))


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


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.GRU(8, 4, batch_first=True)

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


class Exiting(nn.Module):
    def forward(self, _x):
        raise SystemExit(3)


class NumberedOutputs(nn.Module):
    def forward(self, x):
        return {0: x, 1: x * 2}


class WithoutOutputs(nn.Module):
    def forward(self, _x):
        return ()


class PythonRandom(nn.Module):
    def forward(self, x):
        return x * random.random()


class BrainInside(nn.Module):
    """Takes and gives float32, and computes in bfloat16."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3, dtype=torch.bfloat16)

    def forward(self, x):
        return self.linear(x.bfloat16()).float()


class Inverse(nn.Module):
    """ONNX has no such operator."""

    def forward(self, x):
        return torch.linalg.inv(x + 10 * torch.eye(4))


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


def random_weights():
    """Others at each call, whatever the seed."""
    return torch.randn(3, 3, generator=torch.Generator().manual_seed(random.getrandbits(32)))


class InPlace(nn.Module):
    def forward(self, x):
        x.mul_(2)
        return x


class FillsMissing(nn.Module):
    def forward(self, x):
        return torch.nan_to_num(x) * 2


class Probabilities(nn.Module):
    def forward(self, x):
        return x.softmax(1)


class OneClass(nn.Module):
    def forward(self, x):
        return x[:, :1]


class ExitingAlone(nn.Module):
    def forward(self, x):
        if x.shape[0] == 1:
            raise SystemExit(3)
        return x * 2
