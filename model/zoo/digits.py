"""A small convolutional network for handwritten digits, trained on this machine in seconds.

The data are scikit-learn's: 1797 pictures of 8x8 pixels
(https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits).
"""

from statistics import fmean

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from model.errors import ExportError
from model.source import Description, Report, Source
from model.sources.pytorch import torch_source

SEED = 0
EPOCHS = 10
BATCH = 64
HELD_OUT = 0.2
LEAST_ACCURACY = 0.97
GREY_LEVELS = 16
SAMPLES = 10


def network() -> nn.Module:
    """Return the untrained network: [-1, 1, 8, 8] grey values from 0 to 1 to [-1, 10] logits."""
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64 * 4 * 4, 10),
    )


def pictures() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return training pictures, held-out pictures, training digits and held-out digits.

    Pictures are float32 of shape [-1, 1, 8, 8] from 0 to 1, digits int64 of shape [-1].
    """
    values, digits = load_digits(return_X_y=True)
    shaped = (values / GREY_LEVELS).astype(np.float32).reshape(-1, 1, 8, 8)
    train, held_out, train_digits, held_out_digits = train_test_split(
        shaped, digits, test_size=HELD_OUT, stratify=digits, random_state=SEED
    )
    return (
        torch.from_numpy(train),
        torch.from_numpy(held_out),
        torch.from_numpy(train_digits),
        torch.from_numpy(held_out_digits),
    )


def train(pictures: torch.Tensor, digits: torch.Tensor, report: Report) -> nn.Module:
    """Train the network, to the same weights every time on one machine."""
    threads = torch.get_num_threads()
    # The rounding of a sum depends on the number of threads that share it.
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            module = network()
            optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
            for epoch in range(1, EPOCHS + 1):
                losses: list[float] = []
                for indices in torch.randperm(len(pictures)).split(BATCH):
                    optimizer.zero_grad()
                    loss = nn.functional.cross_entropy(module(pictures[indices]), digits[indices])
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                if epoch % 2 == 0:
                    report(f"training: epoch {epoch} of {EPOCHS}, loss {fmean(losses):.4f}")
    finally:
        torch.set_num_threads(threads)
    return module.eval()


def accuracy(module: nn.Module, pictures: torch.Tensor, digits: torch.Tensor) -> float:
    """Return the share of pictures whose digit the network finds, from 0 to 1."""
    with torch.inference_mode():
        return (module(pictures).argmax(1) == digits).float().mean().item()


def source(report: Report) -> Source:
    """Return the trained network with held-out pictures.

    Raises:
        ExportError: the accuracy on them is below `LEAST_ACCURACY`.

    """
    known, held_out, known_digits, held_out_digits = pictures()
    module = train(known, known_digits, report)
    right = accuracy(module, held_out, held_out_digits)
    if right < LEAST_ACCURACY:
        raise ExportError(
            f"digits: the accuracy is {right:.3f} on the held-out pictures, and must be {LEAST_ACCURACY} or "
            "more: report it with the versions of torch and scikit-learn"
        )
    report(f"accuracy {right:.3f} on {len(held_out)} held-out pictures")
    return torch_source(
        module,
        {"image": held_out[:SAMPLES].numpy()},
        Description(name="digits", labels=tuple("0123456789"), activation="softmax"),
        outputs=["logits"],
    )
