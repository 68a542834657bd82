"""Photographs of many sizes and modes, and the output of torchvision for each, stored as digests.

The digests in `torchvision.json` are torchvision's own. To write them anew, in an environment of its own:

    pip install torchvision==0.28.0 pillow==13.0.0 numpy==2.4.6
    python tests/contract/photographs.py
"""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

GOLDEN = Path(__file__).with_name("torchvision.json")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The values of torchvision's weights for ImageNet."""

SIZES = [
    *((width, height) for width in (7, 64, 65, 97, 131) for height in (9, 64, 66, 98, 150)),
    *((451, 300), (300, 451), (500, 333), (333, 500), (640, 427), (375, 500), (1, 40), (40, 1), (3, 3)),
]
"""Widths and heights. The cat of scikit-image has 451x300 pixels."""

MODES = ("RGB", "L", "LA", "RGBA", "P", "1", "CMYK")
"""Modes of JPEG and PNG with eight bits a channel or fewer."""


@dataclass(frozen=True)
class Case:
    """A photograph and a way to make an input of it."""

    size: tuple[int, int]
    mode: str = "RGB"
    resize: int = 64
    crop: tuple[int, int] = (56, 56)
    interpolation: str = "bilinear"

    @property
    def name(self) -> str:
        """The case in words, for a test's name and as a key."""
        width, height = self.size
        rows, columns = self.crop
        return f"{width}x{height} {self.mode} {self.interpolation} {self.resize} {rows}x{columns}"

    @property
    def image(self) -> dict[str, Any]:
        """The `image` of a signature.json."""
        return {
            "input": "image",
            "resize": self.resize,
            "crop": list(self.crop),
            "interpolation": self.interpolation,
            "layout": "NCHW",
            "scale": 1 / 255,
            "mean": list(MEAN),
            "std": list(STD),
        }

    def file(self) -> bytes:
        """Return the photograph as PNG, or as JPEG if PNG does not have its mode."""
        file = io.BytesIO()
        picture(self.size, self.mode).save(file, "JPEG" if self.mode == "CMYK" else "PNG")
        return file.getvalue()


def cases() -> Iterator[Case]:
    """Yield every case."""
    for size in SIZES:
        yield Case(size)
        yield Case(size, resize=57, crop=(56, 50), interpolation="bicubic")
    for mode in MODES:
        yield Case((71, 53), mode)
    for resize, crop in [(40, (56, 56)), (55, (56, 56)), (33, (20, 77)), (64, (64, 64)), (65, (64, 64))]:
        for interpolation in ("bilinear", "bicubic", "lanczos"):
            yield Case((71, 53), resize=resize, crop=crop, interpolation=interpolation)


def picture(size: tuple[int, int], mode: str) -> Image.Image:
    """Return a picture with fine and coarse structure, the same everywhere."""
    width, height = size
    y, x, channel = np.mgrid[:height, :width, :4]
    values = ((x * 7 + y * 13 + channel * 29 + x * y // 3 + (x // 5) * (y // 7) * 11) % 256).astype(np.uint8)
    bands = {"RGB": 3, "L": 1, "LA": 2, "RGBA": 4, "CMYK": 4}.get(mode, 3)
    pixels = values[..., 0] if bands == 1 else values[..., :bands]
    made = Image.fromarray(np.ascontiguousarray(pixels))
    if mode == "P":
        return made.quantize(32)
    return made.convert("1") if mode == "1" else Image.frombytes(mode, size, made.tobytes())


def digest(array: Any) -> str:
    """Return a hash of an array of shape [1, 3, H, W]."""
    content = np.ascontiguousarray(array, np.dtype("<f4"))
    return hashlib.sha256(str(content.shape).encode() + content.tobytes()).hexdigest()[:16]


def _torchvision(case: Case) -> Any:
    # Not a dependency, because it would bring a PyTorch of its own.
    from torchvision import transforms  # pyright: ignore[reportMissingImports]

    transform = transforms.Compose(
        [
            transforms.Resize(case.resize, transforms.InterpolationMode(case.interpolation)),
            transforms.CenterCrop(case.crop),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return transform(Image.open(io.BytesIO(case.file())).convert("RGB"))[None].numpy()


if __name__ == "__main__":
    golden = {case.name: digest(_torchvision(case)) for case in cases()}
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
