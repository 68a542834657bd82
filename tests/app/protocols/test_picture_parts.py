import io
import struct
import zlib

import pytest
from PIL import Image

from app.errors import TooLarge
from app.protocols import picture_parts
from app.protocols.picture_parts import MAX_COMPRESSED, MAX_EXIF_BYTES, MAX_PARTS, MAX_SCANS

PNG, JPEG = "image/png", "image/jpeg"


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*extra: bytes) -> bytes:
    """A picture with chunks before its pixels."""
    whole = file_of("PNG")
    return whole[:33] + b"".join(extra) + whole[33:]


def jpeg(extra: bytes = b"", scans: int = 0) -> bytes:
    """A picture with bytes before its first segment, and its last scan so many times more."""
    whole = file_of("JPEG", progressive=True)
    last = whole[whole.rfind(b"\xff\xda") : -2]
    return whole[:2] + extra + whole[2:-2] + last * scans + whole[-2:]


def file_of(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def thumbnail() -> bytes:
    """A segment that holds a small picture with all its scans."""
    small = b"Exif\0\0" + file_of("JPEG", progressive=True)
    return b"\xff\xe1" + struct.pack(">H", 2 + len(small)) + small


def segments(start: bytes, length: int) -> bytes:
    """Segments of the marker APP1 that hold so many bytes together."""
    data = start + bytes(65_533 - len(start))
    return (b"\xff\xe1" + struct.pack(">H", 2 + len(data)) + data) * (length // len(data) + 1)


COMMENT = b"\xff\xfe\x00\x02"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (jpeg(), JPEG),
        (jpeg(thumbnail() * 50), JPEG),
        (jpeg(scans=MAX_SCANS // 2), JPEG),
        (jpeg() + b"\xff\xda\x00\x02" * 1000, JPEG),  # A video after the picture.
        (jpeg(COMMENT * (MAX_PARTS // 2)), JPEG),
        (jpeg(segments(b"http://ns.adobe.com/xmp/extension/\0", 2 * MAX_EXIF_BYTES)), JPEG),
        (png(), PNG),
        (png(chunk(b"eXIf", bytes(MAX_EXIF_BYTES))), PNG),
        (png(chunk(b"tEXt", b"a\0b") * (MAX_PARTS // 2)), PNG),
        (png(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"b"))), PNG),
        (b"\xff\xd8\xff", JPEG),
        (b"\x89PNG\r\n\x1a\n\x00", PNG),
    ],
)
def test_pictures_from_ordinary_encoders_are_accepted(body: bytes, kind: str):
    picture_parts.check(memoryview(body), kind)


@pytest.mark.parametrize(
    ("body", "kind", "what"),
    [
        (jpeg(scans=MAX_SCANS + 1), JPEG, "scans"),
        (jpeg(COMMENT * MAX_PARTS), JPEG, "segments"),
        (jpeg(b"\xff" * (2 * MAX_PARTS)), JPEG, "segments"),
        (jpeg(b"\x00" * (2 * MAX_PARTS)), JPEG, "segments"),
        # Markers without a length, which is what follows them all the same.
        (jpeg(b"\xff\xd0\xff\xfe\x00\x02" * MAX_PARTS), JPEG, "segments"),
        (jpeg()[:-2] + COMMENT * MAX_PARTS, JPEG, "segments"),
        (png(chunk(b"tEXt", b"a\0") * MAX_PARTS), PNG, "chunks"),
        (png(chunk(b"IDAT") * MAX_PARTS), PNG, "chunks"),
        (png()[:-12] + chunk(b"prVt") * MAX_PARTS, PNG, "chunks"),
        (jpeg(segments(b"Exif\0\0", MAX_EXIF_BYTES)), JPEG, "EXIF"),
        (png(chunk(b"eXIf", bytes(MAX_EXIF_BYTES + 1))), PNG, "EXIF"),
        (png()[:-12] + chunk(b"eXIf", bytes(MAX_EXIF_BYTES + 1)), PNG, "EXIF"),
        (png(chunk(b"iCCP", b"a\0\0") * (MAX_COMPRESSED + 1)), PNG, "profiles"),
        (png(*[chunk(b"zTXt", b"a\0\0"), chunk(b"iTXt", b"a\0\1\0\0\0")] * MAX_COMPRESSED), PNG, "texts"),
    ],
)
def test_a_picture_with_too_many_parts_is_refused(body: bytes, kind: str, what: str):
    with pytest.raises(TooLarge, match=what):
        picture_parts.check(body, kind)
