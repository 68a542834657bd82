"""The runtimes that the program offers are those that the server has."""

import re
from typing import get_args, get_type_hints

from app.runtimes import RUNTIMES
from infra.settings.image import ImageSettings
from ops.stack import PROJECT


def test_the_program_offers_the_runtimes_that_the_server_has():
    assert get_args(get_type_hints(ImageSettings)["runtime"]) == tuple(RUNTIMES)


def test_the_locked_requirements_are_those_of_the_runtimes():
    makefile = (PROJECT / "Makefile").read_text()

    assert re.findall(r"^RUNTIMES := (.+)$", makefile, re.MULTILINE) == [" ".join(RUNTIMES)]
    on_gpu = [name for name, row in RUNTIMES.items() if "gpu" in row.devices]
    assert re.findall(r"^GPU_RUNTIMES := (.+)$", makefile, re.MULTILINE) == [" ".join(on_gpu)]


def test_each_image_gets_the_format_that_its_runtime_reads():
    # infra/image.py passes RUNTIME alone, and the Dockerfile takes it for the format as well.
    assert {name: row.format for name, row in RUNTIMES.items()} == {name: name for name in RUNTIMES}
