"""The small model of the benchmark: layers of 784, 256, 256 and 10 values, with weights from a seed.

`python -m bench.small_model FILE` saves a checkpoint, for `python -m model export --factory`.
"""

import sys
from typing import Any, cast

import torch
from torch import nn

SIZE = 784
SEED = 0


def build() -> nn.Module:
    """Return the network from float32 [batch, 784] to float32 [batch, 10], always with the same weights."""
    cast(Any, torch).manual_seed(SEED)
    return nn.Sequential(nn.Linear(SIZE, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


if __name__ == "__main__":
    torch.save(build().state_dict(), sys.argv[1])
