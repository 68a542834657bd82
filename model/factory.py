"""Call a factory: the user's function that makes a PyTorch module."""

import importlib
import sys
from pathlib import Path
from typing import Any

from torch import nn

from model.errors import ExportError, quoted

ROOT = Path(__file__).parents[1]
FORM = "it must be PACKAGE.MODULE:FUNCTION, importable from the current directory"


def make(factory: str) -> nn.Module:
    """Import a factory, call it without arguments, and return the module that it makes.

    A class is a factory too, if its constructor needs no arguments. A module from `torch.compile` is
    unwrapped: compiling changes its speed and not its answers.

    Example:
        With a file `flowers.py` in the current directory::

            def network():
                return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))

        `make("flowers:network")` returns that network, untrained; `model.checkpoint.load` adds the weights.

    Args:
        factory: `PACKAGE.MODULE:FUNCTION`, importable from the current directory.

    Raises:
        ExportError: there is no such function, importing or calling it fails, or it returns something other
            than a module. Errors of the user's code are quoted with file and line.

    """
    module_name, _, function_name = factory.partition(":")
    module = _call(factory, _import(factory, module_name), module_name, function_name)
    if not isinstance(module, nn.Module):
        raise ExportError(
            f"--factory {factory}: returned {type(module).__name__}, not a torch.nn.Module. Return the "
            "module itself; --torchscript and --exported-program take the files of torch.jit.save and "
            "torch.export.save"
        )
    compiled_from = getattr(module, "_orig_mod", None)
    return compiled_from if isinstance(compiled_from, nn.Module) else module


def _import(factory: str, module_name: str) -> Any:  # noqa: ANN401 - a module of the user's
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ExportError(f"--factory {factory}: {error}; {FORM}{_name_clash(module_name)}") from None
        raise _missing_library(factory, error) from error
    except ValueError as error:
        if module_name and not module_name.startswith("."):
            raise ExportError(
                f"--factory {factory}: importing {module_name} failed: {quoted(error)}"
            ) from error
        raise ExportError(f"--factory {factory}: {error}; {FORM}") from None
    except (Exception, SystemExit) as error:
        raise ExportError(
            f"--factory {factory}: importing {module_name} failed: {quoted(error)}. Code that should run "
            'only as a program belongs under `if __name__ == "__main__":`'
        ) from error


def _call(factory: str, module: Any, module_name: str, function_name: str) -> object:  # noqa: ANN401 - as above
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ExportError(
            f"--factory {factory}: {module_name} has no function {function_name!r}{_name_clash(module_name)}"
        )
    try:
        return function()
    except ModuleNotFoundError as error:
        raise _missing_library(factory, error) from error
    except (Exception, SystemExit) as error:
        hint = ""
        if isinstance(error, TypeError) and "argument" in str(error):
            hint = (
                f". {function_name} is called without arguments: give a function that needs none and calls it"
            )
        raise ExportError(f"--factory {factory}: {function_name}() failed: {quoted(error)}{hint}") from error


def _missing_library(factory: str, error: ModuleNotFoundError) -> ExportError:
    return ExportError(
        f"--factory {factory}: {quoted(error)}. Install the libraries of your code with the versions that "
        f"are pinned here: {Path(sys.executable).name} -m pip install {str(error.name).partition('.')[0]} "
        "-c requirements.txt"
    )


def _name_clash(module_name: str) -> str:
    """Return a hint, where the user's file has the name of a package of this program."""
    package = module_name.partition(".")[0]
    if not (ROOT / package / "__init__.py").exists():
        return ""
    return (
        f". {package!r} is a package of this program, which hides a file or folder of yours with that name: "
        f"rename yours, for example to my_{package}.py"
    )
