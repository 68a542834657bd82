"""The file of `--image`: how a photograph becomes an input, as the `image` of a signature.json."""

import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from model.errors import ExportError
from model.preprocessing import preprocess, upright
from model.signature import ImageInput

KEYS = tuple(field.name for field in fields(ImageInput))

EXAMPLE = (
    '{"input": "image", "resize": 256, "crop": [224, 224], "interpolation": "bilinear", "layout": "NCHW", '
    '"scale": 0.00392156862745098, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'
)
"""What torchvision's ImageNet weights were evaluated with; crop is height and width, scale comes first."""


def read(file: Path) -> ImageInput:
    """Read the file.

    Raises:
        ExportError: it is no JSON object with exactly these keys, or a value is not allowed.

    """
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise ExportError(f"--image {file}: {error.strerror}") from None
    except ValueError as error:
        raise ExportError(f"--image {file}: not JSON: {error}. An example: {EXAMPLE}") from None
    if not isinstance(content, dict):
        raise ExportError(f"--image {file}: must hold an object. An example: {EXAMPLE}")
    given = cast(dict[str, Any], content)
    problems = [
        *(f"{key} is missing" for key in KEYS if key not in given),
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


def photograph(file: Path, image: ImageInput) -> tuple[bytes, NDArray[np.float32]]:
    """Return a photograph as PNG, and the batch of one that it becomes.

    Raises:
        ExportError: the file is no picture that can be read.

    """
    try:
        with Image.open(file) as opened:
            # A PNG does not say which way is up.
            picture = upright(opened)
            png = io.BytesIO()
            picture.save(png, format="png")
            return png.getvalue(), preprocess(picture, image)
    except ExportError as error:
        raise ExportError(f"--example {file}: {error}") from None
    except Exception as error:
        # Decoders fail in many ways, all of them the file's.
        raise ExportError(
            f"--example {file}: not a picture that can be read ({error}). Give a photograph, or inputs as "
            ".npy"
        ) from error
