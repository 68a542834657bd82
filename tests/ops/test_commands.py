import sys

import pytest

from ops.commands import output_of, run
from ops.errors import OperationError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_output_is_the_stdout_of_the_command():
    assert (
        output_of(python("import sys; print(input()); print('noise', file=sys.stderr)"), stdin="hi") == "hi\n"
    )


def test_the_error_of_a_failed_command_has_its_status_and_stderr():
    with pytest.raises(OperationError, match=r"(?s)`.*` exited with 3:\nit is broken$"):
        output_of(python("import sys; print('it is broken', file=sys.stderr); sys.exit(3)"))


def test_the_error_for_a_missing_program_names_it():
    with pytest.raises(OperationError, match="no-such-program is not on PATH"):
        output_of(["no-such-program"])


def test_the_output_of_an_interactive_command_goes_to_stderr(capfd: pytest.CaptureFixture[str]):
    run(python("print('building')"))

    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "building\n")


def test_the_error_of_an_interactive_command_does_not_repeat_its_output():
    with pytest.raises(OperationError, match="exited with 1; see its output above"):
        run(python("import sys; sys.exit(1)"))
