"""`python -m docs.references` writes the reference pages. tests/docs/test_references.py checks them."""

import sys

from docs.references import FOLDER, pages

for page, text in pages().items():
    page.write_text(text)
    sys.stdout.write(f"wrote docs/{page.relative_to(FOLDER)}\n")
