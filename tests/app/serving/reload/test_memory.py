"""A version that is not served any more gives its memory back."""

import gc
import shutil
import weakref
from pathlib import Path

from app.serving.service import Service
from app.serving.watchdog import Watchdog
from tests.app.serving.reload.conftest import reload


def test_a_removed_version_frees_its_memory_at_once(folder: Path, service: Service):
    old = weakref.ref(service.model("times", "v3"))
    gc.disable()
    try:
        shutil.rmtree(folder / "times" / "v3")
        reload(service)
        assert old() is None
    finally:
        gc.enable()


def test_the_watchdog_does_not_keep_a_removed_version_in_memory(folder: Path, service: Service):
    old = weakref.ref(service.model("times", "v3"))
    watchdog = Watchdog(service, call_soon=lambda *_: None)
    watchdog._poll_models()
    gc.disable()
    try:
        shutil.rmtree(folder / "times" / "v3")
        reload(service)
        watchdog._poll_models()
        assert old() is None
    finally:
        gc.enable()
