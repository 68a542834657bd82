"""Every command, setting, file and link in README and docs/ exists, and README's example runs as printed.

tests/e2e/test_readme.py types README's commands on the local cluster.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml

from ops.stack import PROJECT
from tests.app.process import Process
from tests.readme import PAGES, README, Block, anchors, blocks, commands, links

TEXTS = {str(page.relative_to(PROJECT)): page.read_text() for page in PAGES}
ALL = "\n".join(text for name, text in TEXTS.items() if name != "CHANGELOG.md")
MAKEFILE = (PROJECT / "Makefile").read_text()
SETTINGS = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
FOLDERS = ("app", "bench", "docs", "infra", "model", "ops", "tests")
MOST_WORDS = 1200
"""README is read from start to end by newcomers; the rest belongs in docs/."""


def calls_of(program: str) -> list[list[str]]:
    """The arguments of each call of a program, on any page."""
    calls = (shlex.split(part) for command in commands(ALL) for part in command.split(" | "))
    return [words[1:] for words in calls if words[0].rpartition("/")[2] == program]


def calls_of_modules() -> list[tuple[str, ...]]:
    """The arguments of each `python -m`, without repetitions."""
    return list(dict.fromkeys(tuple(call) for call in calls_of("python") if call[0] == "-m"))


@cache
def usage(module: str, *words: str) -> str:
    """The help text of a module's command."""
    return subprocess.run(
        [sys.executable, "-m", module, *words, "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_commands_are_read_whole_and_without_their_comments():
    (block,) = blocks("text\n\n```sh\nmake up  # a b\n.venv/bin/python -m a \\\n  --b c\n\n# no more\n```\n")

    assert block == Block("sh", "make up  # a b\n.venv/bin/python -m a \\\n  --b c\n\n# no more\n")
    assert block.commands == ["make up", ".venv/bin/python -m a    --b c"]


def test_a_block_may_name_its_file():
    assert Block("python", "# flowers.py\nimport torch\n").file == "flowers.py"
    assert Block("python", "import torch\n").file is None


def test_links_are_read_outside_of_code_and_without_those_to_other_hosts():
    text = "[a](docs/a.md#b) [c](#d)\n```sh\n[e](f)\n```\n[g](https://example.com)"

    assert links(text) == [("docs/a.md", "b"), ("", "d")]


def test_anchors_are_those_of_github(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# What `make up` does, and why\n\n```sh\n# no heading\n```\n")

    assert anchors(page) == {"what-make-up-does-and-why"}


def test_readme_is_short_enough_to_be_read_in_one_go():
    assert len(README.read_text().split()) <= MOST_WORDS


def test_there_are_commands_in_readme_and_in_docs():
    assert len(commands()) > 10
    assert len(commands(ALL)) > 2 * len(commands())


def test_every_target_of_make_exists_and_every_variable():
    in_text = [shlex.split(found) for found in re.findall(r"`make ([^`]+)`", ALL)]
    calls = [*calls_of("make"), *(call for call in in_text if "..." not in call)]

    targets = {word for call in calls for word in call if re.fullmatch(r"[a-z0-9-]+", word)}
    variables = {word.partition("=")[0] for call in calls for word in call if "=" in word}
    assert targets
    assert {target for target in targets if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)} == set()
    assert {
        name for name in variables if not re.search(rf"\$\({name}\)|\b{name} \?=|{name},", MAKEFILE)
    } == set()


def test_every_stack_exists():
    stacks = set(re.findall(r"(?:STACK=|--stack )(\w+)", ALL)) - {"NAME", "STACK"}

    assert {stack for stack in stacks if not (PROJECT / f"Pulumi.{stack}.yaml").exists()} == set()


def test_every_setting_that_is_set_exists():
    words = [[word for word in call if not word.startswith("-")] for call in calls_of("pulumi")]
    keys = {call[2] for call in words if call[:2] == ["config", "set"]}
    keys |= {call[3] for call in calls_of("python") if call[:3] == ["-m", "ops", "set"]}
    keys |= {key.removeprefix("slipway:") for key in re.findall(r"slipway:\w+", ALL)}

    assert {"model", "device", "registry"} <= keys
    # A setting of a cloud's provider has a namespace.
    assert {key for key in keys if ":" not in key and key not in {*SETTINGS, "KEY"}} == set()


@pytest.mark.slow
@pytest.mark.parametrize("call", calls_of_modules(), ids=" ".join)
def test_every_module_has_the_options_that_it_is_given(call: tuple[str, ...]):
    module, *words = call[1:]
    subcommand = words[:1] if words and re.fullmatch("[a-z]+", words[0]) else []
    text = usage(module, *subcommand)

    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert {option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", text)} == set()


@pytest.mark.parametrize("page", PAGES, ids=TEXTS)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: Path):
    broken: list[str] = []
    for path, anchor in links(page.read_text()):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}" if anchor else path)

    assert broken == []


def test_every_page_is_found_from_readme():
    found, ahead = {README}, [README]
    while ahead:
        page = ahead.pop()
        targets = {(page.parent / path).resolve() for path, _ in links(page.read_text()) if path}
        folders = {file for target in targets if target.is_dir() for file in target.glob("*.md")}
        new = {target for target in targets | folders if target.suffix == ".md" and target.exists()} - found
        found |= new
        ahead += new

    assert {str(page.relative_to(PROJECT)) for page in PAGES if page not in found} == set()


def test_every_file_of_the_code_that_is_named_exists():
    named = set(re.findall(rf"(?<![\w/])(?:{'|'.join(FOLDERS)})/[\w/.-]+\.(?:py|in|js|yaml)\b", ALL))
    files = {file for file in named if "NAME" not in file}

    assert "app/settings.py" in files
    assert {file for file in files if not (PROJECT / file).exists()} == set()


@contextmanager
def served(artifact: Path, log: Path) -> Generator[str]:
    """Serve an artifact; yield the address."""
    server = Process(artifact, log)
    try:
        server.wait_for("/health/ready")
        yield server.url
    finally:
        server.terminate()
        server.exit_code()


@pytest.mark.slow
def test_the_example_runs_as_printed_and_its_model_is_served(tmp_path: Path):
    example = next(index for index, block in enumerate(blocks()) if block.file == "flowers.py")
    code, typed = blocks()[example : example + 2]
    (tmp_path / "flowers.py").write_text(code.text)
    (tmp_path / "model").symlink_to(PROJECT / "model")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    here = [command for command in typed.commands if not command.startswith("make")]
    assert len(here) == 2

    for command in here:
        done = subprocess.run(["sh", "-ec", command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    sample = np.load(tmp_path / "flowers.npy")[0].tolist()
    with served(tmp_path / "build/model/flowers/latest", tmp_path / "server.log") as url:
        answer = httpx.post(f"{url}/predict", json=sample)
    assert answer.is_success
    assert len(answer.json()["predictions"]) == 1
