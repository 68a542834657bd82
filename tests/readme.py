"""The commands that README shows, block by block, in their order."""

import re
import shlex
from dataclasses import dataclass

from ops.stack import PROJECT

README = PROJECT / "README.md"
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that its first line, a comment, names."""
        found = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return found[1] if found else None

    @property
    def commands(self) -> list[str]:
        """Its commands, each whole on one line, without comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        words = (shlex.split(line, comments=True) for line in lines)
        # As they stand, for the shell's own signs mean nothing to shlex.
        return [
            re.sub(r"\s+#\s.*$", "", line).strip() for line, said in zip(lines, words, strict=True) if said
        ]


def blocks(text: str | None = None) -> list[Block]:
    """Return the fenced blocks of README, or of another text."""
    found = FENCE.finditer(README.read_text() if text is None else text)
    return [Block(match[2], match[3]) for match in found]


def commands() -> list[str]:
    """Return every command of README's blocks of sh."""
    return [command for block in blocks() if block.language == "sh" for command in block.commands]
