"""The options of the steps: what goes together, and what an artifact then says."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.errors import ExportError, UsageError
from model.options import parser
from model.steps import options

HOOKS = "def preprocess(request):\n    return {}\n"
AFTER = "def postprocess(tensors):\n    return []\n"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a file for each option."""
    monkeypatch.chdir(tmp_path)
    contents: dict[str, Any] = {
        "request.json": {"age": 5},
        "columns.json": [{"name": "age", "input": "x"}, {"name": "city", "input": "x", "categories": ["a"]}],
        "boxes.json": {"boxes": "b", "scores": "s", "overlap": 0.5},
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "before.py").write_text(HOOKS)
    (tmp_path / "after.py").write_text(AFTER)
    (tmp_path / "both.py").write_text(HOOKS + AFTER)
    (tmp_path / "needs.txt").write_text("six==1.17.0\n")
    return tmp_path


def plan(line: str) -> Any:
    given = parser().parse_args(["export", *line.split()])
    options.check(given)
    return options.plan(given)


def test_a_command_line_without_these_options_adds_no_steps():
    assert plan("--name x") is None


@pytest.mark.parametrize(
    ("line", "before", "after"),
    [
        ("--hooks before.py --example-request request.json", "hooks", []),
        ("--hooks after.py", None, ["hooks"]),
        ("--hooks both.py --example-request request.json", "hooks", ["hooks"]),
        ("--table columns.json --example-request request.json", "table", []),
        ("--table columns.json --example-request request.json --hooks after.py", "table", ["hooks"]),
        ("--labels l.txt --top-k 3", None, ["top_k"]),
        ("--labels l.txt --threshold 0 --sigmoid", None, ["threshold"]),
        ("--boxes boxes.json", None, ["non_maximum_suppression"]),
    ],
)
def test_each_option_adds_its_step(line: str, before: str | None, after: list[str]):
    description = plan(line).description

    assert (description.before and description.before.kind) == before
    assert [step.kind for step in description.after] == after


def test_the_requirements_of_the_users_code_are_part_of_the_version():
    found = plan("--hooks after.py --hooks-requirements needs.txt")

    assert sorted(found.description.files) == ["hooks.py", "requirements.txt"]
    assert found.files["requirements.txt"] == b"six==1.17.0\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--hooks-requirements needs.txt", "--hooks-requirements would have no effect without --hooks"),
        ("--max-length 5", "--max-length would have no effect without --tokenizer"),
        ("--mean-pooling y", "--mean-pooling would have no effect without --tokenizer"),
        ("--top-k 5", "--top-k would have no effect without --labels"),
        ("--threshold 0", "--threshold would have no effect without --labels"),
        ("--table columns.json --image i.json", "--table and --image: give one of them"),
        ("--labels l.txt --top-k 5 --threshold 1", "--top-k and --threshold: give one of them"),
        ("--table columns.json", "--example-request FILE.json is missing"),
        ("--hooks before.py", "--example-request FILE.json is missing"),
        ("--hooks after.py --example-request request.json", "no step reads it. Give --example instead"),
        ("--hooks both.py --table columns.json --example-request request.json", "give no other one"),
        (
            "--hooks after.py --boxes boxes.json",
            "postprocess, which makes the answer: give no other last step",
        ),
        (
            "--table columns.json --example-request request.json --example x.npy",
            "--example would have no effect",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(line: str, told: str):
    with pytest.raises(UsageError, match=told):
        plan(line)


@pytest.mark.parametrize(
    ("file", "content", "line", "told"),
    [
        ("boxes.json", '{"bxs": 1}', "--boxes boxes.json", "an object with keys of box_format, boxes"),
        ("boxes.json", '{"boxes": "b"}', "--boxes boxes.json", "scores: .*An example"),
        ("boxes.json", "{", "--boxes boxes.json", "not JSON"),
        ("columns.json", '[{"name": "a"}]', "--table columns.json", "not a list of columns"),
        ("columns.json", '[{"name": "a", "inptu": "x"}]', "--table columns.json", "inptu is unknown"),
        ("columns.json", "[]", "--table columns.json", "give one column or more"),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_an_example(
    files: Path, file: str, content: str, line: str, told: str
):
    (files / file).write_text(content)

    with pytest.raises(ExportError, match=told):
        plan(f"{line} --example-request request.json" if "table" in line else line)


def test_a_missing_file_is_named():
    with pytest.raises(ExportError, match=r"--hooks nothing\.py: No such file"):
        plan("--hooks nothing.py")
