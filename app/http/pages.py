"""The pages for people: `/`, where a person tries the model, and `/docs`, the API in Swagger UI.

Both are plain files, in `web` beside this module and in the package `fastapi-swagger`, read from disk when a
browser asks for them. Every address in them is relative, so they work behind a path prefix, and nothing comes
from another host.
"""

import asyncio
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.responses import Response as StarletteResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.http import openapi, routes, step_schemas
from app.protocols.messages import JSON, Response
from app.serving.service import Service

WEB = Path(__file__).parent / "web"
SWAGGER_UI = ("fastapi_swagger", "resources")
"""The package that carries Swagger UI's files, and the folder in it."""

NO_STORE = "no-store"
"""For our own files: they are small, and a new server's page must not run with an old server's script."""

REVALIDATE = "no-cache"
"""For Swagger UI's 2 MB: a browser keeps them, and asks each time whether they have changed."""

FILES_AT_ONCE = 4
"""Files of a folder that are read at once: each is in memory as a whole before it is sent."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {pictures}; "
    "connect-src 'self' {others}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""https://www.w3.org/TR/CSP3/"""


def add_pages(api: FastAPI, service: Service) -> None:
    """Add `/`, `/docs` and the files that they need to the application."""
    port = service.settings.metrics_port
    metrics = " ".join(f"http://{host}:{port}/metrics" for host in ("127.0.0.1", "localhost"))
    # A chosen picture is shown before it is sent: it has an address of the scheme `blob`.
    _add_page(api, "/", "index.html", POLICY.format(pictures="blob:", others=metrics))
    # Swagger UI's style sheet holds its icons as `data` addresses.
    _add_page(api, "/docs", "docs.html", POLICY.format(pictures="data:", others=""))

    @api.get("/web/model.json", include_in_schema=False)
    async def model() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Tell the page what it shows of the model of /predict."""
        body = Response.json(_model(service)).body
        return StarletteResponse(body, media_type=JSON, headers={"cache-control": NO_STORE})

    api.mount("/web", _Files(NO_STORE, directory=WEB))
    api.mount("/swagger-ui", _Files(REVALIDATE, packages=[SWAGGER_UI]))


def _add_page(api: FastAPI, path: str, file: str, policy: str) -> None:
    headers = {
        "cache-control": NO_STORE,
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }

    @api.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        return FileResponse(WEB / file, headers=headers)


def _model(service: Service) -> dict[str, Any]:
    model, settings = service.default, service.settings
    signature = model.signature
    return {
        "name": signature.name,
        "version": signature.version,
        "state": service.state,
        "device": model.device,
        "runtime": settings.runtime,
        "inputs": [tensor.model_dump() for tensor in signature.inputs],
        "media_types": routes.predict(service).protocol.media_types(signature),
        "asks": step_schemas.asks(signature),
        "example": openapi.example(model.artifact),
        "max_body_bytes": settings.max_body_bytes,
        "port": settings.port,
        "metrics_port": settings.metrics_port,
    }


class _Files(StaticFiles):
    """A folder's files, with the headers that browsers need."""

    def __init__(self, cache_control: str, **where: Any) -> None:  # noqa: ANN401 - as Starlette's own
        super().__init__(**where)
        self._headers = {"cache-control": cache_control, "x-content-type-options": "nosniff"}
        self._turns = asyncio.Semaphore(FILES_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file when it is its turn."""
        async with self._turns:
            await super().__call__(scope, receive, send)

    def file_response(self, *arguments: Any, **named: Any) -> StarletteResponse:  # noqa: ANN401 - as Starlette's own
        """Return a file, or 304 to a browser that has it already."""
        response = super().file_response(*arguments, **named)
        response.headers.update(self._headers)
        return response
