import pytest

from ops import choice
from ops.choice import Choice, by_engine
from ops.errors import OperationError
from ops.running import Running
from ops.stack import Stack

APPLIED = Running(namespace="slipway-dev", is_applied=True)
MADE = Running(namespace="slipway-dev", is_applied=False)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Says whether `pulumi` is on PATH."""

    def say(installed: bool) -> None:
        monkeypatch.setattr(choice.engine, "installed", lambda: installed)

    return say


@pytest.mark.parametrize(
    ("asked", "there", "is_installed", "engine"),
    [
        ("auto", None, False, False),
        ("auto", None, True, True),
        ("pulumi", None, True, True),
        ("kubectl", None, True, False),
        ("auto", APPLIED, True, False),
        ("auto", MADE, True, True),
        ("kubectl", APPLIED, True, False),
        ("pulumi", MADE, True, True),
    ],
)
def test_a_local_stack_is_updated_by_the_tool_that_deployed_it_else_by_the_choice(
    installed, asked: Choice, there: Running | None, is_installed: bool, engine: bool
):
    installed(is_installed)

    assert by_engine(Stack.read("dev"), asked, there) is engine


@pytest.mark.parametrize(
    ("asked", "there", "is_installed", "says"),
    [
        ("pulumi", None, False, "`pulumi` is not on PATH: install it"),
        ("pulumi", APPLIED, True, "was deployed by kubectl: `make down STACK=dev` first"),
        ("kubectl", MADE, True, "was deployed by pulumi: `make down STACK=dev` first"),
        (
            "auto",
            MADE,
            False,
            "was deployed by the Pulumi engine.*remove the stack with `make down STACK=dev`",
        ),
    ],
)
def test_the_error_for_an_impossible_choice_says_what_to_do(
    installed, asked: Choice, there: Running | None, is_installed: bool, says: str
):
    installed(is_installed)

    with pytest.raises(OperationError, match=says):
        by_engine(Stack.read("dev"), asked, there)


@pytest.mark.parametrize(
    ("asked", "is_installed", "says"),
    [
        ("kubectl", True, "for stacks on the local cluster: apply what `make render STACK=prod` prints"),
        (
            "auto",
            False,
            "`pulumi` is not on PATH: install it .* or apply what `make render STACK=prod` prints",
        ),
    ],
)
def test_a_shared_stack_needs_the_engine(installed, asked: Choice, is_installed: bool, says: str):
    installed(is_installed)

    with pytest.raises(OperationError, match=says):
        by_engine(Stack.read("prod"), asked, None)


def test_the_installed_engine_deploys_a_shared_stack(installed):
    installed(True)

    assert by_engine(Stack.read("prod"), "auto", None)
