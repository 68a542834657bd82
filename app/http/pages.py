"""The web pages: `/`, where a person can try the model, and `/docs`, the API in Swagger UI.

Their files are in the folder `web` beside this module and in the package `fastapi-swagger`, and are read from
disk for each request. All addresses in them are relative, so the pages work behind a path prefix, and nothing
is loaded from another host.
"""

import asyncio
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse
from starlette.responses import Response as StarletteResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.http import openapi, routes, step_schemas
from app.protocols.messages import JSON, Response
from app.serving.service import Service

WEB = Path(__file__).parent / "web"
SWAGGER_UI = ("fastapi_swagger", "resources")
"""The package that has the files of Swagger UI, and the folder in the package."""

NO_STORE = "no-store"
"""Cache-Control of our own files. They are small, and a new page must never run with an old script."""

REVALIDATE = "no-cache"
"""Cache-Control of the 2 MB of Swagger UI: browsers store them, and ask each time if they have changed."""

HEAD_START = '<meta charset="utf-8">'

MAX_OPEN_FILES = 4
"""Maximum number of files of a folder that are sent at once. Each is loaded into memory completely."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {pictures}; "
    "connect-src 'self' {others}; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of a page: https://www.w3.org/TR/CSP3/."""


def add_pages(api: FastAPI, service: Service) -> None:
    """Add the pages `/` and `/docs`, and the files that they load, to the application."""
    port, root_path = service.settings.metrics_port, service.settings.root_path
    metrics = " ".join(f"http://{host}:{port}/metrics" for host in ("127.0.0.1", "localhost"))
    # The page shows a chosen picture before it is sent, by an address of the scheme `blob`.
    _add_page(api, "/", "index.html", POLICY.format(pictures="blob:", others=metrics), root_path)
    # The style sheet of Swagger UI has its icons as addresses of the scheme `data`.
    _add_page(api, "/docs", "docs.html", POLICY.format(pictures="data:", others=""), root_path)

    @api.get("/web/model.json", include_in_schema=False)
    async def model() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Return what the page shows about the model of /predict."""
        body = Response.json(_model_facts(service)).body
        return StarletteResponse(body, media_type=JSON, headers={"cache-control": NO_STORE})

    api.mount("/web", _Files(NO_STORE, directory=WEB))
    api.mount("/swagger-ui", _Files(REVALIDATE, packages=[SWAGGER_UI]))


def _add_page(api: FastAPI, path: str, file: str, policy: str, root_path: str) -> None:
    # Then relative addresses are right with and without a slash at the end of the page's own address.
    base = f'\n    <base href="{root_path}/">' if root_path else ""
    headers = {
        "cache-control": NO_STORE,
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }

    @api.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        text = (WEB / file).read_text(encoding="utf-8")
        return HTMLResponse(text.replace(HEAD_START, f"{HEAD_START}{base}"), headers=headers)


def _model_facts(service: Service) -> dict[str, Any]:
    model, settings = service.default_model, service.settings
    signature = model.signature
    return {
        "name": signature.name,
        "version": signature.version,
        "state": service.state,
        "device": model.device,
        "runtime": settings.runtime,
        "inputs": [tensor.model_dump() for tensor in signature.inputs],
        "media_types": routes.predict_route(service).protocol.media_types(signature),
        "asks": step_schemas.asks(signature),
        "example": openapi.example(model.artifact),
        "needs_key": service.api_keys is not None,
        "max_body_bytes": settings.max_body_bytes,
        "port": settings.port,
        "metrics_port": settings.metrics_port,
    }


class _Files(StaticFiles):
    """The files of a folder, with headers for caching and security."""

    def __init__(self, cache_control: str, **options: Any) -> None:  # noqa: ANN401 - the options of Starlette
        super().__init__(**options)
        self._headers = {"cache-control": cache_control, "x-content-type-options": "nosniff"}
        self._open_files = asyncio.Semaphore(MAX_OPEN_FILES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file, as soon as fewer than `MAX_OPEN_FILES` are being sent."""
        async with self._open_files:
            await super().__call__(scope, receive, send)

    def file_response(self, *args: Any, **options: Any) -> StarletteResponse:  # noqa: ANN401 - as in Starlette
        """Return the response with a file, or 304 if the browser has the file already."""
        response = super().file_response(*args, **options)
        response.headers.update(self._headers)
        return response
