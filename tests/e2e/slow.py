"""A slow model: each sample takes half a second of a core."""

import torch

SHAPE = (64, 56, 56)
LAYERS = 32


class Slow(torch.nn.Module):
    """The same convolution many times, which needs much CPU time but little memory."""

    def __init__(self) -> None:
        super().__init__()
        channels = SHAPE[0]
        self.convolution = torch.nn.Conv2d(channels, channels, kernel_size=7, padding=3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for _ in range(LAYERS):
            images = torch.tanh(self.convolution(images))
        return images.mean(dim=(2, 3))


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return Slow()
