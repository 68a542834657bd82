"""Read the file of `--image`, which says how a photograph becomes an input, and an example photograph."""

import io
import json
import math
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from model.errors import ExportError
from model.preprocessing import preprocess, upright
from model.signature import ImageInput

KEYS = tuple(field.name for field in fields(ImageInput))
REQUIRED = tuple(field.name for field in fields(ImageInput) if field.default is MISSING)

EXAMPLE = (
    '{"input": "image", "resize": 256, "crop": [224, 224], "interpolation": "bilinear", "layout": "NCHW", '
    '"scale": 0.00392156862745098, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'
)
"""The evaluation of torchvision's ImageNet weights. `crop` is height and width; `scale` is applied first."""

MAX_SAMPLE_PIXELS = 2_000_000
"""Largest picture that an artifact keeps: as PNG it fits into a request, 8 MiB by the server's default."""


def read(file: Path) -> ImageInput:
    """Read how a photograph becomes an input.

    Args:
        file: JSON, an object with the keys of `ImageInput`; `EXAMPLE` is one.

    Raises:
        ExportError: the file is not a JSON object with exactly these keys, or a value is not allowed.

    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"--image {file}: {error.strerror}") from None
    except ValueError as error:
        raise ExportError(f"--image {file}: not JSON: {error}. An example: {EXAMPLE}") from None
    if not isinstance(content, dict):
        raise ExportError(f"--image {file}: must hold an object. An example: {EXAMPLE}")
    given = cast(dict[str, Any], content)
    problems = [
        *(f"{key} is missing" for key in REQUIRED if key not in given),
        *(f"{key} is unknown" for key in given if key not in KEYS),
    ]
    try:
        if not problems:
            return TypeAdapter(ImageInput).validate_python(given)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc']))} is {problem['input']!r}: {problem['msg']}"
            for problem in error.errors()
        ]
    except ExportError as error:
        raise ExportError(f"--image {file}: {error}. An example: {EXAMPLE}") from None
    raise ExportError(
        f"--image {file}: {'; '.join(problems)}. It takes the keys {', '.join(KEYS)}. An example: {EXAMPLE}"
    )


def photograph(file: Path, image: ImageInput) -> tuple[bytes, NDArray[Any]]:
    """Return a photograph as PNG, and the input that it becomes.

    A picture above `MAX_SAMPLE_PIXELS` is made smaller first, so that it can be sent to the service.

    Args:
        file: a picture that Pillow reads.
        image: how a photograph becomes an input.

    Returns:
        The PNG, and a batch of one made from the same pixels.

    Raises:
        ExportError: the picture cannot be read.

    """
    try:
        with Image.open(file) as opened:
            # Upright, because a PNG does not say which side is up.
            picture = upright(opened)
        pixels = picture.width * picture.height
        if pixels > MAX_SAMPLE_PIXELS:
            factor = math.sqrt(MAX_SAMPLE_PIXELS / pixels)
            width, height = (max(1, int(side * factor)) for side in picture.size)
            picture = picture.resize((width, height))
        png = io.BytesIO()
        picture.save(png, format="png")
        return png.getvalue(), preprocess(picture, image)
    except ExportError as error:
        raise ExportError(f"--example {file}: {error}") from None
    except Exception as error:
        # Pillow's decoders raise many kinds of errors, all of them because of the file.
        raise ExportError(
            f"--example {file}: not a picture that can be read ({error}). Give a photograph, or inputs as "
            ".npy"
        ) from error
