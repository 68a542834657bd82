"""Pictures of one colour."""

import io

from PIL import Image


def picture(colour: tuple[int, int, int], kind: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    """Return a file of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()
