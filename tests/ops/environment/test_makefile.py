"""The Makefile installs what its targets need, from a bare machine on."""

import re

from ops.environment.groups import GROUPS, PROJECT

MAKEFILE = (PROJECT / "Makefile").read_text()
RULE = re.compile(r"^([a-z0-9-]+):([^#\n]*)##", re.MULTILINE)
TARGETS = {target: needs.split() for target, needs in RULE.findall(MAKEFILE)}


def groups_of(target: str) -> set[str]:
    """The groups that a target installs, those of the targets that it needs among them."""
    found: set[str] = set()
    for need in TARGETS[target]:
        if need.startswith("$(INSTALLED)/"):
            found.add(need.rpartition("/")[2])
        else:
            found |= groups_of(need)
    return found


def test_every_group_in_a_target_can_be_installed():
    named = {group for target in TARGETS for group in groups_of(target)}

    assert named == {*GROUPS}


def test_every_target_except_help_needs_the_environment():
    assert {target for target in TARGETS if "core" not in groups_of(target)} == {"help"}


def test_the_first_steps_of_the_readme_need_neither_pytorch_nor_a_cloud():
    for target in ("up", "down", "smoke", "load", "render"):
        assert groups_of(target) == {"core"}, target


def test_make_test_installs_everything_for_the_checks_and_no_extra():
    assert groups_of("test") == {"core", "pytorch", "checks"}
