"""The pages for people: README and docs/, with their fenced blocks, commands, links and headings."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from ops.stack import PROJECT

README = PROJECT / "README.md"
PAGES = sorted(
    [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), PROJECT / "bench/README.md"],
    key=lambda page: page.relative_to(PROJECT),
)

FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


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
        """Its commands, each on one line, without comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        words = (shlex.split(line, comments=True) for line in lines)
        # The line is kept and not joined from its words: shlex would drop the quotes and the pipes.
        return [
            re.sub(r"\s+#\s.*$", "", line).strip() for line, found in zip(lines, words, strict=True) if found
        ]


def blocks(text: str | None = None) -> list[Block]:
    """Return the fenced blocks of README, or of another text."""
    found = FENCE.finditer(README.read_text() if text is None else text)
    return [Block(match[2], match[3]) for match in found]


def commands(text: str | None = None) -> list[str]:
    """Return every command in the `sh` blocks of README, or of another text."""
    return [command for block in blocks(text) if block.language == "sh" for command in block.commands]


def links(text: str) -> list[tuple[str, str]]:
    """Return the path and the anchor of each link within this repository. No path means the same page."""
    found = [link for link in LINK.findall(FENCED.sub("", text)) if not re.match(r"\w+:", link)]
    return [(path, anchor) for path, _, anchor in (link.partition("#") for link in found)]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them.

    https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links
    """
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
