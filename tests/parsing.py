"""The settings of a stack, parsed without the rest of the program."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import TypeVar

from pulumi.runtime import reset_options, set_all_config, set_mocks

from infra.settings import Settings, SettingsError
from ops.program import Recorder
from ops.stack import Stack

T = TypeVar("T")


def parse(stack: Stack) -> Settings:
    """Load the settings of a stack as the program does.

    Raises:
        SettingsError: something is wrong with them.

    """
    return in_stack(stack, Settings.load)


def in_stack(stack: Stack, load: Callable[[], T]) -> T:
    """Call a function that reads the configuration of the current stack."""

    async def call() -> T:
        reset_options()
        set_mocks(Recorder(), stack.project, stack.name)
        set_all_config(stack.config, list(stack.secret_keys))
        return load()

    # Pulumi keeps what is set in the context, and asks for an event loop.
    return contextvars.copy_context().run(asyncio.run, call())


def problems(stack: Stack) -> list[tuple[str, str]]:
    """Return what is wrong with a stack's settings: a key and what is said of it, for each line."""
    try:
        parse(stack)
    except SettingsError as error:
        head, *lines = str(error).splitlines()
        assert head.startswith(f"stack {stack.name}: change these")
        return [(key.strip(), problem) for key, _, problem in (line.partition(": ") for line in lines)]
    return []
