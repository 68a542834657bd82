"""An artifact's version: a hash of all that decides an answer, and of nothing else."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from model.signature import Signature

DIGITS = 12


def fingerprint(graph: str, tensors: Iterable[tuple[str, str, tuple[int, ...], bytes]]) -> bytes:
    """Hash a computation and its weights.

    Args:
        graph: the computation as text, without paths or counters of the process that wrote it.
        tensors: name, data type, shape and bytes of each weight, in any order.

    """
    digest = hashlib.sha256(graph.encode())
    for name, dtype, shape, content in sorted(tensors):
        # The length before the bytes: no two lists of tensors read the same.
        digest.update(f"\n{name} {dtype} {list(shape)} {len(content)}\n".encode())
        digest.update(content)
    return digest.digest()


def versioned(signature: Signature, source: bytes) -> Signature:
    """Return a signature with its version, made of the source's fingerprint and of all else in it."""
    text = replace(signature, version="").to_json()
    return replace(signature, version=hashlib.sha256(source + text.encode()).hexdigest()[:DIGITS])
