"""The reference pages, docs/settings.md and docs/metrics.md, written from the code."""

from pathlib import Path

from docs.references.metrics import metrics_page
from docs.references.settings import settings_page

COMMAND = "make references"
NOTICE = f"<!-- Written by `{COMMAND}`. Do not edit: change the code, and run it again. -->"
FOLDER = Path(__file__).parents[1]


def pages() -> dict[Path, str]:
    """Return the text of each page by its file."""
    texts = {"settings.md": settings_page(), "metrics.md": metrics_page()}
    return {FOLDER / name: f"{NOTICE}\n\n{text}" for name, text in texts.items()}
