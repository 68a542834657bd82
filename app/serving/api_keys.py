"""The API keys that clients must send: read from a file, and read again when the file changes."""

import asyncio
import hashlib
import hmac
import logging
import re
from pathlib import Path

MIN_KEY_CHARACTERS = 16

MAX_FILE_BYTES = 4096
"""Maximum size of the file. It limits the time of a check too, which compares with every key."""

RELOAD_SECONDS = 1.0
"""How often the file is read."""

KEY_FORMAT = f"at least {MIN_KEY_CHARACTERS} letters, digits and -._~+/, with = only at the end"

NO_KEYS = "no request is accepted, because there is no API key in %s: %s"

KEY = re.compile(rb"(?=.{%d})[0-9A-Za-z\-._~+/]+=*" % MIN_KEY_CHARACTERS)
"""What a client can send as a bearer token, `b64token`: https://www.rfc-editor.org/rfc/rfc6750#section-2.1."""

log = logging.getLogger(__name__)


class ApiKeys:
    """The keys in a file, one a line. Empty lines are ignored. Only the digests of the keys are kept.

    A file that is missing, unreadable, too large or without a key leaves no keys, so that no request is
    accepted.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. `watch` reads it again."""
        self._path = path
        self._seen: object = None
        """The digest of the file's content, or why the file cannot be used, at the last reading."""

        self._digests: tuple[bytes, ...] = ()
        self.read()

    @property
    def is_empty(self) -> bool:
        """Whether there is no key, so that no request can be accepted."""
        return not self._digests

    def accepts(self, key: bytes) -> bool:
        """Tell whether this is one of the keys. The time does not depend on how much of a key is right."""
        given = _digest(key)
        is_accepted = False
        # The digest is compared with that of every key, also after the right one.
        for digest in self._digests:
            is_accepted |= hmac.compare_digest(digest, given)
        return is_accepted

    def read(self) -> None:
        """Read the file, and log what has changed: how many keys there are, or why there are none."""
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            self._lose_keys(error.strerror or str(error))
            return
        if len(content) > MAX_FILE_BYTES:
            self._lose_keys(f"it is larger than {MAX_FILE_BYTES} bytes")
            return
        if (seen := _digest(content)) == self._seen:
            return
        self._seen, keys = seen, self._keys_in(content)
        self._digests = tuple(map(_digest, keys))
        if keys:
            log.info("API keys read", extra={"keys": len(keys)})
        else:
            log.error(NO_KEYS, self._path, "it has no key")

    async def watch(self) -> None:
        """Read the file every `RELOAD_SECONDS`, until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            self.read()

    def _keys_in(self, content: bytes) -> list[bytes]:
        lines = [line.strip() for line in content.split(b"\n")]
        for number, line in enumerate(lines, start=1):
            if line and not KEY.fullmatch(line):
                # The line itself is not logged: it may be a key with a typing error.
                log.error("line %d of %s is not used: a key has %s", number, self._path, KEY_FORMAT)
        return [line for line in lines if KEY.fullmatch(line)]

    def _lose_keys(self, why: str) -> None:
        if why != self._seen:
            self._seen, self._digests = why, ()
            log.error(NO_KEYS, self._path, why)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
