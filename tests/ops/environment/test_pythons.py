"""Which Python makes the environment."""

from pathlib import Path

import pytest

from ops.environment import pythons
from ops.environment.pythons import UnsupportedPythonError, find_python, supported

PYTHON = """#!/bin/sh
[ -n "{version}" ] || {{ echo "no Python behind this name" >&2; exit 127; }}
echo {version} {implementation}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a Python that says what it is on a PATH of its own; without a version it fails."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "sh").symlink_to("/bin/sh")

    def add(name: str, version: str = "", implementation: str = "cpython") -> str:
        file = tmp_path / name
        file.write_text(PYTHON.format(version=version, implementation=implementation))
        file.chmod(0o755)
        return str(file)

    return add


def test_the_newest_supported_python_is_taken(install):
    install("python3", "3 11")
    install("python3.11", "3 11")
    newest = install("python3.13", "3 13")
    install("python3.14", "3 14")

    assert find_python() == newest


def test_a_python3_of_a_supported_version_is_enough(install):
    python = install("python3", "3 12")

    assert find_python() == python


def test_a_launcher_without_a_python_is_skipped(install):
    install("python3.13")
    python = install("python3.12", "3 12")

    assert find_python() == python


def test_an_implementation_other_than_cpython_is_skipped(install):
    install("python3.13", "3 13", "pypy")
    python = install("python3.11", "3 11")

    assert find_python() == python


def test_the_python_that_the_user_names_is_taken_although_a_newer_one_exists(install):
    install("python3.13", "3 13")
    asked = install("python3.11", "3 11")

    assert find_python("python3.11") == asked


def test_the_error_without_a_supported_python_names_those_found_and_how_to_install_one(install):
    old = install("python3", "3 9")

    with pytest.raises(UnsupportedPythonError) as raised:
        find_python()

    assert f"{old} is Python 3.9" in str(raised.value)
    assert "apt-get install python3" in str(raised.value)
    assert "brew install python@3.13" in str(raised.value)
    assert pythons.HELD_BACK_BY not in str(raised.value)


def test_the_error_for_a_too_new_python_names_the_package_that_lacks_a_build(install):
    install("python3", "3 14")

    with pytest.raises(UnsupportedPythonError, match=pythons.HELD_BACK_BY):
        find_python()


def test_an_unsupported_python_that_the_user_names_is_refused_although_another_exists(install):
    install("python3.13", "3 13")
    install("python3.9", "3 9")

    with pytest.raises(UnsupportedPythonError, match=r"python3\.9 has no Python 3\.13 or 3\.12 or 3\.11"):
        find_python("python3.9")


def test_the_supported_versions_are_those_of_pyproject():
    assert supported()[-1] == (3, 11)
    assert supported() == sorted(supported(), reverse=True)


def test_the_package_that_holds_back_the_next_python_is_pinned():
    pyproject = pythons.PYPROJECT.read_text()

    assert f'"{pythons.HELD_BACK_BY}==' in pyproject
