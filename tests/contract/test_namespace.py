"""The namespace of the settings' keys, which the program reads and the commands write."""

from infra.settings import NAMESPACE
from ops import stack


def test_the_program_and_the_commands_use_the_same_namespace():
    assert stack.NAMESPACE == NAMESPACE
