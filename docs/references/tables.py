"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, which ends with a line break. `|` and `<` within a cell are escaped."""
    return "".join(map(_line, (header, ["---"] * len(header), *rows)))


def code(*texts: object) -> str:
    """Return texts as code, with commas between."""
    return ", ".join(f"`{text}`" for text in texts)


def _line(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(escaped)} |\n"
