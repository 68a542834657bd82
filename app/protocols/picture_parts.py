"""Refuses pictures with too many parts. It counts the parts by their lengths, without decoding them.

A part of a few bytes is cheap to send but may be expensive to decode: a scan of a JPEG takes a pass over
all pixels, a segment or a chunk takes a step of a loop in Python, and a compressed chunk may unpack to a
megabyte.
"""

import re
from collections.abc import Generator

from PIL import JpegImagePlugin

from app.errors import TooLarge
from app.protocols.picture_size import START_OF_SCAN

MAX_PARTS = 4096
"""The most segments before the first scan of a JPEG, or chunks of a PNG. Encoders write one per 8 KiB."""

MAX_SCANS = 100
"""The most scans of a JPEG. Encoders write ten to twenty."""

MAX_COMPRESSED = 64
"""The most chunks of a PNG with a profile or a text that is compressed with zlib."""

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
"""The types of those chunks."""

END_OF_IMAGE = 0xD9

_WITHOUT_LENGTH = frozenset(range(256)) - {
    marker & 0xFF for marker, (_, _, read) in JpegImagePlugin.MARKER.items() if read is not None
}
"""The markers that Pillow reads as segments without a length."""

_SEGMENT = re.compile(rb"\xff[^\x00\xff]")
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker that ends the data of a scan. Source: ITU T.81, section B.1.1.2 (https://www.w3.org/Graphics/JPEG/itu-t81.pdf)."""


def check(body: bytes | memoryview, content_type: str) -> None:
    """Check that a picture does not have too many parts.

    Args:
        body: the file.
        content_type: image/png or image/jpeg.

    Raises:
        TooLarge: it has too many. The message names which.

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
        if count > MAX_PARTS:
            raise _too_many(f"{MAX_PARTS} chunks")
        if compressed > MAX_COMPRESSED:
            raise _too_many(f"{MAX_COMPRESSED} chunks of profiles and compressed texts")


def _chunks(body: bytes | memoryview) -> Generator[tuple[bytes, int]]:
    """Yield the type of each chunk of a PNG, and the length of its data."""
    at = SIGNATURE_BYTES
    while at + CHUNK_BYTES <= len(body):
        length = int.from_bytes(body[at : at + 4])
        yield bytes(body[at + 4 : at + 8]), length
        at += CHUNK_BYTES + length


def _check_jpeg(body: bytes | memoryview) -> None:
    at, segments, scans, exif = 2, 0, 0, 0
    while found := (_AFTER_SCAN if scans else _SEGMENT).search(body, at):
        marker = body[found.end() - 1]
        # Pillow skips the bytes between two segments one by one, so each counts, except those of a scan.
        segments += 1 if scans else 1 + found.start() - at
        scans += marker == START_OF_SCAN
        if segments > MAX_PARTS:
            raise _too_many(f"{MAX_PARTS} segments")
        if scans > MAX_SCANS:
            raise _too_many(f"{MAX_SCANS} scans")
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
    return TooLarge(f"the picture has more than {what}")
