import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model import factory  # noqa: E402 - after the check that PyTorch is there
from model.errors import ExportError  # noqa: E402


def test_a_factory_is_called_without_arguments():
    assert isinstance(factory.make("torch.nn:Identity"), torch.nn.Identity)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere:network", "No module named 'nowhere'"),
        ("torch.nn:nothing", "has no function 'nothing'"),
        ("torch.nn", "has no function ''"),
        ("", "PACKAGE.MODULE:FUNCTION"),
        ("collections:OrderedDict", "returned OrderedDict, not a torch.nn.Module"),
        ("torch.nn:Linear", "missing 2 required positional arguments.* give a function that needs none"),
        (
            "model:Net",
            "'model' is a package of this program, which hides .* rename yours, for example to my_model.py",
        ),
        ("app.net:Net", "No module named 'app.net'.* 'app' is a package of this program"),
    ],
)
def test_a_factory_that_is_none_is_refused(name, message):
    with pytest.raises(ExportError, match=message):
        factory.make(name)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import not_installed.part",
            r"'not_installed' \(theirs\.py, line 1\).* pip install not_installed -c req",
        ),
        ("\n\n1 / 0", r"importing theirs failed: ZeroDivisionError: division by zero \(theirs\.py, line 3\)"),
        ("def make(:", r"importing theirs failed: SyntaxError: .*theirs\.py, line 1"),
        ("import sys\nsys.exit(3)", r"SystemExit: 3 \(theirs\.py, line 2\).* `if __name__ == \"__main__\":`"),
        (
            "import torch\ndef make():\n    return torch.nn.Linear(-1, 2)",
            r"RuntimeError: .* \(theirs\.py, line 3\)",
        ),
        ("def make():\n    raise ValueError", r"make\(\) failed: ValueError \(theirs\.py, line 2\)"),
    ],
)
def test_an_error_in_the_users_own_code_is_quoted_with_its_place(tmp_path, monkeypatch, code, message):
    (tmp_path / "theirs.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "theirs", raising=False)

    with pytest.raises(ExportError, match=message):
        factory.make("theirs:make")
    sys.modules.pop("theirs", None)
