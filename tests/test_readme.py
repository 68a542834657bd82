"""That every command, file and link of README is there. tests/e2e/test_readme.py types the commands."""

import re
import shlex
import subprocess
import sys
from functools import cache

import pytest
import yaml

from ops.stack import PROJECT
from tests.readme import README, Block, blocks, commands

TEXT = README.read_text()
MAKEFILE = (PROJECT / "Makefile").read_text()
SETTINGS = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]


def of(program: str) -> list[list[str]]:
    """The arguments of each call of a program."""
    calls = (shlex.split(part) for command in commands() for part in command.split(" | "))
    return [words[1:] for words in calls if words[0].rpartition("/")[2] == program]


@cache
def usage(module: str, *words: str) -> str:
    """What a module's command says of itself."""
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


def test_there_are_commands():
    assert len(commands()) > 10


def test_every_target_of_make_is_there_and_every_variable():
    spoken = [shlex.split(found) for found in re.findall(r"`make ([^`]+)`", TEXT)]
    calls = [*of("make"), *(call for call in spoken if "..." not in call)]

    targets = {word for call in calls for word in call if re.fullmatch(r"[a-z0-9-]+", word)}
    variables = {word.partition("=")[0] for call in calls for word in call if "=" in word}
    assert targets
    assert {target for target in targets if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)} == set()
    assert {
        name for name in variables if not re.search(rf"\$\({name}\)|\b{name} \?=|{name},", MAKEFILE)
    } == set()


def test_every_stack_is_there():
    stacks = set(re.findall(r"(?:STACK=|--stack )(\w+)", TEXT)) - {"NAME"}

    assert {stack for stack in stacks if not (PROJECT / f"Pulumi.{stack}.yaml").exists()} == set()


def test_every_setting_that_is_set_is_one():
    given = [[word for word in call if not word.startswith("-")] for call in of("pulumi")]
    keys = {call[2] for call in given if call[:2] == ["config", "set"]}
    keys |= {key.removeprefix("slipway:") for key in re.findall(r"slipway:\w+", TEXT)} - {"KEY"}

    assert keys
    # A cloud's own settings are in its namespace.
    assert {key for key in keys if ":" not in key and key not in SETTINGS} == set()


@pytest.mark.slow
@pytest.mark.parametrize("call", [call for call in of("python") if call[0] == "-m"], ids=" ".join)
def test_every_module_has_the_options_that_it_is_given(call: list[str]):
    module, *words = call[1:]
    subcommand = words[:1] if words and re.fullmatch("[a-z]+", words[0]) else []
    said = usage(module, *subcommand)

    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert {option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", said)} == set()


def test_every_file_that_is_linked_is_there():
    links = {link.partition("#")[0] for link in re.findall(r"\]\((?!http|#)([^)\s]+)\)", TEXT)}

    assert links
    assert {link for link in links if not (PROJECT / link).exists()} == set()


def test_every_test_that_is_named_is_there():
    files = set(re.findall(r"tests/[\w/]+\.py", TEXT))

    assert {file for file in files if not (PROJECT / file).exists()} == set()
