"""Every row of the table of kinds has its file, and every file its row."""

import ast
from pathlib import Path

import pytest

from model import sources

FOLDER = Path(sources.__file__).parent
SHARED = {
    "answer",
    "bfloat16",
    "boosters",
    "converted",
    "estimator_files",
    "estimators",
    "features",
    "lightgbm_trees",
    "module_answers",
    "text_steps",
    "thresholds",
    "__init__",
    "kind",
    "shape",
    "pytorch",
    "declared",
}
"""Files that load no kind by themselves."""


def test_every_file_of_the_folder_has_a_row_and_every_row_a_file():
    files = {file.stem for file in FOLDER.glob("*.py")} - SHARED
    assert files == {kind.module for kind in sources.KINDS}


@pytest.mark.parametrize("kind", sources.KINDS, ids=lambda kind: kind.module)
def test_the_file_of_a_kind_loads_it(kind):
    tree = ast.parse((FOLDER / f"{kind.module}.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [argument.arg for argument in functions["load"].args.args] == ["given"]


@pytest.mark.parametrize("kind", sources.KINDS, ids=lambda kind: kind.module)
def test_what_a_kind_requires_is_among_what_it_takes(kind):
    assert set(kind.requires) <= set(kind.takes)


def test_no_two_kinds_share_an_option():
    flags = [kind.option.flag for kind in sources.KINDS] + [option.flag for option in sources.options()]
    assert len(set(flags)) == len(flags)
