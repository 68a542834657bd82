import sys

import pytest

from ops.commands import output_of, run
from ops.errors import OperationError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_output_is_what_was_written_to_stdout():
    assert (
        output_of(python("import sys; print(input()); print('noise', file=sys.stderr)"), stdin="hi") == "hi\n"
    )


def test_a_failure_tells_the_command_its_status_and_its_own_words():
    with pytest.raises(OperationError, match=r"(?s)`.*` exited with 3:\nit is broken$"):
        output_of(python("import sys; print('it is broken', file=sys.stderr); sys.exit(3)"))


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(OperationError, match="no-such-program is not on PATH"):
        output_of(["no-such-program"])


def test_what_a_person_follows_goes_to_stderr_for_stdout_is_the_answers(capfd: pytest.CaptureFixture[str]):
    run(python("print('building')"))

    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "building\n")


def test_a_failure_that_a_person_followed_is_not_told_twice():
    with pytest.raises(OperationError, match="exited with 1; it has said why"):
        run(python("import sys; sys.exit(1)"))
