"""A service whose folder of models a test changes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.http.api import create_app
from app.serving.service import Service
from tests.app.conftest import Client
from tests.app.versions import write_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_models(tmp_path / "models")


@pytest.fixture
def service(folder: Path, serve: Callable[..., Service]) -> Service:
    return serve(folder)


@pytest.fixture
def client(service: Service) -> Client:
    return Client(create_app(service))


def reload(service: Service, times: int = 1) -> None:
    """Reload the models, and let the removed ones end."""

    async def reload_and_wait() -> None:
        for _ in range(times):
            await service.reload()
        await asyncio.sleep(0)

    asyncio.run(reload_and_wait())


def versions_of(metric: str, service: Service) -> set[str]:
    """Return the versions for which a metric has series."""
    return {
        sample.labels["version"]
        for family in service.metrics.registry.collect()
        if family.name == metric
        for sample in family.samples
    }
