"""The stack and the server read one table of runtimes."""

from typing import get_args, get_type_hints

from app.runtimes import RUNTIMES
from infra import runtimes as declared
from infra.settings.image import ImageSettings


def test_the_stack_offers_the_runtimes_that_the_server_has():
    assert get_args(get_type_hints(ImageSettings)["runtime"]) == tuple(RUNTIMES)


def test_the_stack_knows_the_format_and_the_devices_of_each_runtime():
    of_the_server = {name: (runtime.format, runtime.devices) for name, runtime in RUNTIMES.items()}

    assert of_the_server == {
        name: (runtime.format, runtime.devices) for name, runtime in declared.RUNTIMES.items()
    }
