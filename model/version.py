"""Compute an artifact's version: a hash of everything that decides an answer, and of nothing else."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from model.signature import Signature

DIGITS = 12


def fingerprint(graph: str, tensors: Iterable[tuple[str, str, tuple[int, ...], bytes]]) -> bytes:
    """Hash a computation with its weights.

    Args:
        graph: the computation as text, without file paths or counters of the process.
        tensors: name, data type, shape and bytes of each weight, in any order.

    Returns:
        A SHA-256 digest, 32 bytes.

    """
    digest = hashlib.sha256(graph.encode())
    for name, dtype, shape, content in sorted(tensors):
        # With the length before the bytes, different lists of tensors never give the same text.
        digest.update(f"\n{name} {dtype} {list(shape)} {len(content)}\n".encode())
        digest.update(content)
    return digest.digest()


def fingerprint_of_files(files: Mapping[str, Path]) -> bytes:
    """Hash files.

    Args:
        files: by name. Where they are does not matter.

    Returns:
        A SHA-256 digest, 32 bytes.

    """
    whole = hashlib.sha256()
    for name, file in sorted(files.items()):
        whole.update(f"{name} {sha256(file)}\n".encode())
    return whole.digest()


def sha256(file: Path) -> str:
    """Return the SHA-256 hash of a file in hexadecimal digits. The file may be larger than the memory."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def versioned(signature: Signature, source: bytes) -> Signature:
    """Return a signature with its version.

    Args:
        signature: a signature; its own version is ignored.
        source: the source's fingerprint.

    Returns:
        The signature with a version of 12 hexadecimal digits: a hash of fingerprint and other fields.

    """
    text = replace(signature, version="").to_json()
    return replace(signature, version=hashlib.sha256(source + text.encode()).hexdigest()[:DIGITS])
