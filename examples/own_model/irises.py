"""A small model of one's own: the kind of an iris, from four lengths of its flower.

`network` is the factory that the export calls. Run as a program, this file trains the network and writes the
other files of the export: weights, an example input, and the names of the classes.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import nn

FOLDER = Path(__file__).parent
STEPS = 300


def network() -> nn.Module:
    """Return the untrained network: float32 of shape [-1, 4], in centimetres, to logits of shape [-1, 3]."""
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))


def main() -> None:
    """Train the network, and write `irises.pt`, `irises.npy` and `irises.txt` next to this file."""
    torch.manual_seed(0)
    dataset = load_iris()
    lengths = torch.tensor(dataset.data, dtype=torch.float32)
    kinds = torch.tensor(dataset.target)
    module = network()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(lengths), kinds).backward()
        optimizer.step()
    torch.save(module.state_dict(), FOLDER / "irises.pt")
    # Real inputs, the batch first: the export is compared with the model on them.
    np.save(FOLDER / "irises.npy", lengths.numpy()[::10])
    (FOLDER / "irises.txt").write_text("\n".join(dataset.target_names) + "\n")


if __name__ == "__main__":
    main()
