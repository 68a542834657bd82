"""The HTTP surface: /predict, the health endpoints, and /docs."""

import logging
import time
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import openapi, photograph, problems
from app.problems import Problem
from app.service import Service

PREDICT = "/predict"
JSON = "application/json"

log = logging.getLogger(__name__)


def create_app(service: Service) -> FastAPI:
    """Return the application that answers for a service."""
    signature = service.signature
    api = FastAPI(
        title=signature.name,
        version=signature.version,
        description=openapi.description(signature),
        redirect_slashes=False,
    )
    api.add_middleware(_Observed, service=service)
    accepted = [JSON, *(photograph.FORMATS if signature.image else ())]

    @api.post(PREDICT, openapi_extra=openapi.predict(service), responses=openapi.RESPONSES)
    async def predict(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Answer one sample or a batch."""
        content_type = _content_type(request, accepted)
        body = await _body(request, service.settings.max_body_bytes)
        predictions = await service.predict(body, content_type)
        return _json(
            {"model_name": signature.name, "model_version": signature.version, "predictions": predictions}
        )

    @api.get("/health", responses=openapi.HEALTH)
    @api.get("/health/ready", responses=openapi.HEALTH)
    async def ready() -> Response:  # pyright: ignore[reportUnusedFunction]
        """200 while requests should be sent here: the model is loaded, warm and not draining."""
        if service.state != "ready":
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the model is {service.state}")
        return _state(service)

    @api.get("/health/live", responses=openapi.LIVE)
    async def live() -> Response:  # pyright: ignore[reportUnusedFunction]
        """200 as long as this process answers, also while loading and draining."""
        return _state(service)

    @api.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:  # pyright: ignore[reportUnusedFunction]
        return _problem(error)

    @api.exception_handler(HTTPException)
    async def http(  # pyright: ignore[reportUnusedFunction]
        request: Request, error: HTTPException
    ) -> Response:
        status = HTTPStatus(error.status_code)
        detail = f"{request.method} {request.url.path}: {status.phrase.lower()}; see /docs"
        return _problem(Problem(status, detail, headers=dict(error.headers or {})))

    return api


def _content_type(request: Request, accepted: list[str]) -> str:
    """Return the media type of a body that can be read; without a header it is JSON.

    `Accept-Post` and `Accept-Encoding` in the answer say what would have been taken:
    https://www.w3.org/TR/ldp/#header-accept-post, https://www.rfc-editor.org/rfc/rfc9110#status.415
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-encoding {encoding!r}; send the body as it is",
            headers={"accept-encoding": "identity"},
        )
    content_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if content_type not in accepted:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-type {content_type!r}; this model takes {', '.join(accepted)}",
            headers={"accept-post": ", ".join(accepted)},
        )
    return content_type


async def _body(request: Request, limit: int) -> bytes:
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise too_large
    except ClientDisconnect:
        raise Problem(HTTPStatus.BAD_REQUEST, "the connection ended before the body") from None
    return bytes(body)


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type=JSON)


def _problem(problem: Problem) -> Response:
    return Response(
        orjson.dumps(problem.content()), problem.status.value, problem.headers, problems.MEDIA_TYPE
    )


def _state(service: Service) -> Response:
    return _json({"status": service.state, "model": service.signature.name})


class _Observed:
    """Measures /predict, answers for a crash, and asks clients to leave while draining."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] != PREDICT:
            await self._answer(scope, receive, send)
            return
        start = time.perf_counter()
        metrics = self._service.metrics
        with metrics.in_flight.track_inprogress():
            status = await self._answer(scope, receive, send)
        seconds = time.perf_counter() - start
        metrics.answered(status, seconds)
        log.debug("request answered", extra={"code": status, "seconds": round(seconds, 6)})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        status: int | None = None

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._service.state == "draining":
                    # An idle connection is closed at the end of the drain; a request on its way is lost.
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, receive, observe)
        except Exception:
            log.exception("request failed", extra={"method": scope["method"], "path": scope["path"]})
            if status is not None:
                raise
            crash = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")
            await _problem(crash)(scope, receive, observe)
        return status or HTTPStatus.INTERNAL_SERVER_ERROR.value
