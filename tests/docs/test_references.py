"""The reference pages say what the code does."""

from pathlib import Path

import pytest

from app.settings import Settings
from docs.references import COMMAND, pages
from docs.references.settings import allowed
from docs.references.tables import table
from ops.stack import PROJECT
from tests.infra.keys import settings_and_inner_ones

PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_what_the_code_says_now(page: Path):
    assert page.read_text() == PAGES[page], f"{page.name} is out of date: run `{COMMAND}`"


def test_every_setting_of_a_stack_has_one_row():
    settings = settings_and_inner_ones()
    rows = PAGES[PROJECT / "docs/settings.md"].splitlines()

    assert {key: sum(row.startswith(f"| `{key}` |") for row in rows) for key in settings} == dict.fromkeys(
        settings, 1
    )


def test_every_variable_of_the_server_has_one_row():
    rows = PAGES[PROJECT / "docs/settings.md"].splitlines()

    assert sum(row.startswith(("| `SLIPWAY_", "| `OTEL_")) for row in rows) == len(Settings.model_fields)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"enum": ["a", "b"], "type": "string"}, "`a`, `b`"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "at least 1, at most 9"),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, "more than 0, less than 0.5"),
        ({"anyOf": [{"type": "number", "minimum": 2}, {"type": "null"}]}, "at least 2"),
        ({"type": "boolean"}, "`true`, `false`"),
        ({"type": "string"}, ""),
    ],
    ids=str,
)
def test_what_is_allowed_is_told_in_words(schema: dict[str, object], words: str):
    assert allowed(schema) == words


def test_a_cell_cannot_end_its_column_or_begin_a_tag():
    assert table(["a"], [["<b> | c"]]) == "| a |\n| --- |\n| &lt;b> \\| c |\n"
