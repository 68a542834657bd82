"""How many parts a picture's file has, known by following their lengths alone.

A part takes a few bytes, so it is cheap to send. To read it costs much more: a pass over all pixels for a
scan of a JPEG, a step of Pillow's loop in Python for a segment or a chunk, a megabyte to unpack for a
compressed chunk.
"""

import re
from collections.abc import Generator

from PIL import JpegImagePlugin

from app.errors import TooLarge
from app.protocols.picture_size import START_OF_SCAN

MOST_PARTS = 4096
"""Segments before the first scan of a JPEG; chunks of a PNG. Encoders write one for each 8 KiB and more."""

MOST_SCANS = 100
"""Of a JPEG. Encoders write ten to twenty."""

MOST_COMPRESSED = 64
"""Chunks of a PNG that hold a profile or a text in zlib's format."""

MAX_EXIF_BYTES = 2**20
"""Bytes of metadata. A camera writes up to 64 kB. To read it and turn the picture takes 7 times as much."""

EXIF_LIMIT = "1 MiB of metadata (EXIF)"
EXIF_SEGMENT = 0xE1
EXIF_START = b"Exif\0\0"
EXIF_CHUNK = b"eXIf"

SIGNATURE_BYTES = 8
"""https://www.w3.org/TR/png-3/#5PNG-file-signature"""

CHUNK_BYTES = 12
"""Length, type and checksum: https://www.w3.org/TR/png-3/#5Chunk-layout."""

COMPRESSED = frozenset({b"iCCP", b"zTXt", b"iTXt"})

END_OF_IMAGE = 0xD9

_WITHOUT_LENGTH = frozenset(range(256)) - {
    marker & 0xFF for marker, (_, _, read) in JpegImagePlugin.MARKER.items() if read is not None
}
"""Markers that are a segment by themselves, as Pillow reads them."""

_SEGMENT = re.compile(rb"\xff[^\x00\xff]")
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker that ends the data of a scan: ITU T.81, section B.1.1.2 (https://www.w3.org/Graphics/JPEG/itu-t81.pdf)."""


def check(body: bytes | memoryview, content_type: str) -> None:
    """Refuse a picture of too many parts.

    Raises:
        TooLarge: naming them.

    """
    if content_type == "image/png":
        _check_png(body)
    else:
        _check_jpeg(body)


def _check_png(body: bytes | memoryview) -> None:
    compressed = 0
    for count, (kind, length) in enumerate(_chunks(body), 1):
        if kind == EXIF_CHUNK and length > MAX_EXIF_BYTES:
            raise _too_many(EXIF_LIMIT)
        compressed += kind in COMPRESSED
        if count > MOST_PARTS:
            raise _too_many(f"{MOST_PARTS} chunks")
        if compressed > MOST_COMPRESSED:
            raise _too_many(f"{MOST_COMPRESSED} chunks of profiles and compressed texts")


def _chunks(body: bytes | memoryview) -> Generator[tuple[bytes, int]]:
    """Return the type of each chunk and the length of its data."""
    at = SIGNATURE_BYTES
    while at + CHUNK_BYTES <= len(body):
        length = int.from_bytes(body[at : at + 4])
        yield bytes(body[at + 4 : at + 8]), length
        at += CHUNK_BYTES + length


def _check_jpeg(body: bytes | memoryview) -> None:
    at, segments, scans, exif = 2, 0, 0, 0
    while found := (_AFTER_SCAN if scans else _SEGMENT).search(body, at):
        marker = body[found.end() - 1]
        # Bytes between two segments are skipped one by one, but for those of a scan.
        segments += 1 if scans else 1 + found.start() - at
        scans += marker == START_OF_SCAN
        if segments > MOST_PARTS:
            raise _too_many(f"{MOST_PARTS} segments")
        if scans > MOST_SCANS:
            raise _too_many(f"{MOST_SCANS} scans")
        if scans and marker == END_OF_IMAGE:
            return
        at = found.end()
        if marker not in _WITHOUT_LENGTH:
            length = int.from_bytes(body[at : at + 2])
            # The same marker is that of XMP, which may hold a second picture, and is not parsed.
            if marker == EXIF_SEGMENT and not scans and body[at + 2 : at + 8] == EXIF_START:
                exif += length
            if exif > MAX_EXIF_BYTES:
                raise _too_many(EXIF_LIMIT)
            at += length


def _too_many(what: str) -> TooLarge:
    return TooLarge(f"a picture of more than {what}")
