"""A factory: the user's function that makes the module."""

import importlib
import sys
from pathlib import Path
from typing import Any

from torch import nn

from model.errors import ExportError, quoted

ROOT = Path(__file__).parents[1]


def make(factory: str) -> nn.Module:
    """Call `package.module:function`, found from the current directory, without arguments.

    Raises:
        ExportError: there is no such function, it or its module fails, or it returns something else than a
            module. Errors of the user's code are quoted with its file and line.

    """
    where, _, name = factory.partition(":")
    module = _called(factory, _imported(factory, where), where, name)
    if not isinstance(module, nn.Module):
        raise ExportError(
            f"--factory {factory}: returned {type(module).__name__}, not a torch.nn.Module. Return the "
            "module itself, before it is exported or scripted"
        )
    return module


def _imported(factory: str, where: str) -> Any:  # noqa: ANN401 - a module of the user's
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name and (where == error.name or where.startswith(f"{error.name}.")):
            raise ExportError(
                f"--factory {factory}: {error}; it must be PACKAGE.MODULE:FUNCTION, importable from here"
                f"{_shadowed(where)}"
            ) from None
        raise _missing(factory, error) from error
    except ValueError as error:
        if where and not where.startswith("."):
            raise ExportError(f"--factory {factory}: importing {where} failed: {quoted(error)}") from error
        raise ExportError(
            f"--factory {factory}: {error}; it must be PACKAGE.MODULE:FUNCTION, importable from here"
        ) from None
    except (Exception, SystemExit) as error:
        raise ExportError(
            f"--factory {factory}: importing {where} failed: {quoted(error)}. What a module does when it is "
            "run "
            'belongs under `if __name__ == "__main__":`'
        ) from error


def _called(factory: str, module: Any, where: str, name: str) -> object:  # noqa: ANN401 - as above
    function = getattr(module, name, None)
    if not callable(function):
        raise ExportError(f"--factory {factory}: {where} has no function {name!r}{_shadowed(where)}")
    try:
        return function()
    except ModuleNotFoundError as error:
        raise _missing(factory, error) from error
    except (Exception, SystemExit) as error:
        hint = ""
        if isinstance(error, TypeError) and "argument" in str(error):
            hint = f". {name} is called without arguments: give a function that needs none and passes them"
        raise ExportError(f"--factory {factory}: {name}() failed: {quoted(error)}{hint}") from error


def _missing(factory: str, error: ModuleNotFoundError) -> ExportError:
    return ExportError(
        f"--factory {factory}: {quoted(error)}. Install what your code imports beside what is pinned here: "
        f"{Path(sys.executable).name} -m pip install {str(error.name).partition('.')[0]} -c requirements.txt"
    )


def _shadowed(where: str) -> str:
    """Say that a name is a package of this program, where the user's own file has it as well."""
    package = where.partition(".")[0]
    if not (ROOT / package / "__init__.py").exists():
        return ""
    return (
        f". {package!r} is a package of this program, which hides a file or folder of yours with that name: "
        f"rename yours, to my_{package}.py for one"
    )
