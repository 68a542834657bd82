"""The HTTP surface: /predict, the Open Inference Protocol, the health endpoints, and the pages for people."""

import asyncio
import logging
from collections.abc import Iterable
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response as StarletteResponse
from starlette.routing import Match, Mount
from starlette.routing import Route as PathRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import __version__
from app.errors import RequestError
from app.http import openapi, problems, routes, schemas
from app.http.exchange import Exchange
from app.http.head import wanted
from app.http.pages import add_pages
from app.http.problems import Problem
from app.http.routes import MODEL_PATH, PREDICT_PATH, VERSION_PATH, Route
from app.protocols import protocol_v2
from app.protocols.messages import JSON, Response
from app.serving.served_model import ServedModel
from app.serving.service import Service

SERVER = "slipway"
ANYTHING = "*"
"""The target of OPTIONS that asks about the server, not about a path."""

FILE_METHODS = ("GET",)

log = logging.getLogger(__name__)


def create_app(service: Service) -> FastAPI:
    """Return the application that answers for a service."""
    # FastAPI's own pages load their scripts from other hosts.
    api = FastAPI(redirect_slashes=False, openapi_url=None, docs_url=None, redoc_url=None)
    api.add_middleware(_ErrorMiddleware, api=api)
    document = openapi.Document(api, service)
    api.openapi = document
    _health(api, service)
    _protocol_v2(api, service)
    add_pages(api, service)

    # FastAPI's own route would write the document anew for each request.
    @api.get("/openapi.json", include_in_schema=False)
    async def openapi_json() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        return StarletteResponse(document.json(), media_type=JSON)

    @api.post(PREDICT_PATH, responses=schemas.RESPONSES)
    async def predict(request: Request) -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Answer one sample or a batch."""
        return await _infer(service, request, routes.predict(service))

    @api.exception_handler(Problem)
    async def problem(  # pyright: ignore[reportUnusedFunction]
        request: Request, error: Problem
    ) -> StarletteResponse:
        return _problem(request, error)

    @api.exception_handler(RequestError)
    async def request_error(  # pyright: ignore[reportUnusedFunction]
        request: Request, error: RequestError
    ) -> StarletteResponse:
        return _problem(request, problems.of(error))

    @api.exception_handler(HTTPException)
    async def http(  # pyright: ignore[reportUnusedFunction]
        request: Request, error: HTTPException
    ) -> StarletteResponse:
        status = HTTPStatus(error.status_code)
        detail = f"{request.method} {request.url.path[:80]}: {status.phrase.lower()}; see /docs"
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = ", ".join(_allowed(api, request.scope))
        if status == HTTPStatus.METHOD_NOT_ALLOWED and request.url.path == PREDICT_PATH:
            service.default_model.metrics.count_response(status, 0, "method")
        return _problem(request, Problem(status, detail, headers=headers))

    return api


def _health(api: FastAPI, service: Service) -> None:
    @api.get("/health", responses=schemas.HEALTH)
    @api.get("/health/ready", responses=schemas.HEALTH)
    async def ready() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """200 while requests should be sent here: the models are loaded, warm and not draining."""
        return _state(service, is_well=service.state == "ready", **_summary(service))

    @api.get("/health/live", responses=schemas.HEALTH)
    async def live() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """200 as long as this process can answer, also while loading and draining; 503 where it must end."""
        return _state(service, is_well=service.state != "failed", **_summary(service))


def _protocol_v2(api: FastAPI, service: Service) -> None:
    """Declare the Open Inference Protocol.

    https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
    """

    @api.get("/v2", responses=schemas.SERVER_METADATA)
    @api.get("/v2/", include_in_schema=False)  # So it is in the specification's own OpenAPI document.
    async def server() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Tell what this server is."""
        return _response(Response.json(protocol_v2.server_metadata(SERVER, __version__)))

    @api.get("/v2/health/live", responses=schemas.LIVE)
    async def live() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """As /health/live."""
        return _state(service, is_well=service.state != "failed", live=True)

    @api.get("/v2/health/ready", responses=schemas.READY)
    async def ready() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """As /health/ready."""
        # The specification says "live" here too; "ready" is what KServe's server says and its client reads.
        return _state(service, is_well=service.state == "ready", live=True, ready=True)

    for path in (MODEL_PATH, VERSION_PATH):
        _of_a_model(api, service, path)


def _of_a_model(api: FastAPI, service: Service, path: str) -> None:
    @api.get(path, responses=schemas.MODEL_METADATA)
    async def metadata(request: Request) -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Tell what a model takes and gives."""
        signature = _model(service, request).signature
        versions = service.versions(signature.name)
        content = protocol_v2.model_metadata(signature, versions, service.settings.runtime)
        return _response(Response.json(content))

    @api.get(f"{path}/ready", responses=schemas.MODEL_READY)
    async def ready(request: Request) -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """200 while a model answers."""
        model = _model(service, request)
        if model.state != "ready" or service.draining:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the model is {_word(service, model)}")
        return _response(Response.json({"name": model.signature.name, "ready": True}))

    @api.post(f"{path}/infer", responses=schemas.RESPONSES)
    async def infer(request: Request) -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Answer an inference request."""
        return await _infer(service, request, routes.infer(_model(service, request)))


def _model(service: Service, request: Request) -> ServedModel:
    # Not by FastAPI: a parameter that is not in the path it would take from the query.
    return service.model(**request.path_params)


async def _infer(service: Service, request: Request, route: Route) -> StarletteResponse:
    answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    exchange = Exchange(service, route, wanted(request.headers.raw), answered.set_result)
    try:
        # What is over by its head is answered without its body.
        if not exchange.over:
            async for chunk in request.stream():
                exchange.receive(chunk)
                if exchange.over:
                    break
        exchange.complete()
        return _response(await answered)
    except Problem as problem:
        # The body cannot be read.
        exchange.refuse(problem)
        return _response(await answered)
    finally:
        # Where the client has left, this task is cancelled.
        exchange.cancel()


def _problem(request: Request, problem: Problem) -> StarletteResponse:
    return _response(problems.response(problem, request.headers.get("x-request-id")))


def _response(response: Response) -> StarletteResponse:
    return StarletteResponse(response.body, response.status, dict(response.headers), response.content_type)


def _state(service: Service, *, is_well: bool, **content: str | bool) -> StarletteResponse:
    if not is_well:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the model is {service.state}")
    return _response(Response.json(content))


def _summary(service: Service) -> dict[str, str]:
    summary = {"status": service.state, "model": service.signature.name}
    if (device := service.default_model.device) is not None:
        summary["device"] = device
    return summary


def _word(service: Service, model: ServedModel) -> str:
    return "draining" if model.state == "ready" and service.draining else model.state


def _allowed(api: FastAPI, scope: Scope) -> list[str]:
    """Return the methods of a path (https://www.rfc-editor.org/rfc/rfc9110#section-9.3.7); none, no path."""
    found = [route for route in api.routes if isinstance(route, PathRoute | Mount)]
    if scope["path"] != ANYTHING:
        found = [route for route in found if route.matches(scope)[0] is not Match.NONE]
    methods = {method for route in found for method in _methods(route)}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted({*methods, "OPTIONS"}) if methods else []


def _methods(route: PathRoute | Mount) -> Iterable[str]:
    # What is mounted is a folder of files.
    return FILE_METHODS if isinstance(route, Mount) else route.methods or ()


class _ErrorMiddleware:
    """Answers for a crash, and tells what may be asked."""

    def __init__(self, app: ASGIApp, api: FastAPI) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and (allowed := _allowed(self._api, scope)):
            headers = {"allow": ", ".join(allowed)}
            await StarletteResponse(status_code=HTTPStatus.NO_CONTENT, headers=headers)(scope, receive, send)
            return
        started = False

        async def observe(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, observe)
        except Exception:
            request = Request(scope)
            request_id = request.headers.get("x-request-id")
            context = {"request_id": request_id, "method": scope["method"], "path": scope["path"]}
            log.exception("request failed", extra=context)
            if started:
                raise
            crash = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")
            await _problem(request, crash)(scope, receive, observe)
