"""The ASGI application: /predict, the Open Inference Protocol, health endpoints, and the web pages."""

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
from app.http import cors, openapi, problems, routes, schemas
from app.http.access import NO_KEYS
from app.http.exchange import Exchange
from app.http.head import select_headers
from app.http.pages import add_pages
from app.http.problems import Problem
from app.http.routes import MODEL_PATH, PREDICT_PATH, VERSION_PATH, Route
from app.protocols import protocol_v2
from app.protocols.messages import JSON, Response
from app.serving.served_model import ServedModel
from app.serving.service import Service

SERVER = "slipway"
WHOLE_SERVER = "*"
"""The target of an OPTIONS request about the server as a whole (RFC 9110, section 9.3.7)."""

FOLDER_METHODS = ("GET",)
"""The methods of a mounted folder of files."""

log = logging.getLogger(__name__)


def create_app(service: Service) -> FastAPI:
    """Return the application that serves the models of a service."""
    # The pages of FastAPI itself load their scripts from other hosts.
    api = FastAPI(redirect_slashes=False, openapi_url=None, docs_url=None, redoc_url=None)
    api.add_middleware(_ErrorMiddleware, api=api, answers_preflight=bool(service.settings.cors_origins))
    document = openapi.Document(api, service)
    api.openapi = document
    _add_health(api, service)
    _add_protocol_v2(api, service)
    add_pages(api, service)

    # The route of FastAPI itself would encode the document anew for each request.
    @api.get("/openapi.json", include_in_schema=False)
    async def openapi_json() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        return StarletteResponse(document.json(), media_type=JSON)

    @api.post(PREDICT_PATH, responses=schemas.RESPONSES)
    async def predict(request: Request) -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Return the predictions of the model for one sample or a batch."""
        return await _infer(service, request, routes.predict_route(service))

    @api.exception_handler(Problem)
    async def problem(  # pyright: ignore[reportUnusedFunction]
        request: Request, error: Problem
    ) -> StarletteResponse:
        return _problem_response(request, error)

    @api.exception_handler(RequestError)
    async def request_error(  # pyright: ignore[reportUnusedFunction]
        request: Request, error: RequestError
    ) -> StarletteResponse:
        return _problem_response(request, problems.from_error(error))

    @api.exception_handler(HTTPException)
    async def http_exception(  # pyright: ignore[reportUnusedFunction]
        request: Request, error: HTTPException
    ) -> StarletteResponse:
        status = HTTPStatus(error.status_code)
        detail = f"{request.method} {request.url.path[:80]}: {status.phrase.lower()}; see /docs"
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = ", ".join(_allowed_methods(api, request.scope))
        if status == HTTPStatus.METHOD_NOT_ALLOWED and _route_path(request) == PREDICT_PATH:
            service.default_model.metrics.count_response(status, 0, "method")
        return _problem_response(request, Problem(status, detail, headers=headers))

    return api


def _add_health(api: FastAPI, service: Service) -> None:
    @api.get("/health", responses=schemas.HEALTH)
    @api.get("/health/ready", responses=schemas.HEALTH)
    async def ready() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Readiness: 200 if all models are loaded and warm and the server is not draining, else 503."""
        return _state_response(service, is_ok=service.state == "ready", **_health_content(service))

    @api.get("/health/live", responses=schemas.HEALTH)
    async def live() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Liveness: 200, also while models load and while the server drains; 503 if a model has failed."""
        return _state_response(service, is_ok=service.state != "failed", **_health_content(service))


def _add_protocol_v2(api: FastAPI, service: Service) -> None:
    """Add the endpoints of the Open Inference Protocol.

    https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
    """

    @api.get("/v2", responses=schemas.SERVER_METADATA)
    @api.get("/v2/", include_in_schema=False)  # The specification's OpenAPI document has this path.
    async def server() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Return the name, the version and the supported extensions of the server."""
        return _response(Response.json(protocol_v2.server_metadata(SERVER, __version__)))

    @api.get("/v2/health/live", responses=schemas.LIVE)
    async def live() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Liveness, as /health/live."""
        return _state_response(service, is_ok=service.state != "failed", live=True)

    @api.get("/v2/health/ready", responses=schemas.READY)
    async def ready() -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Readiness, as /health/ready."""
        # The specification has "live" here; KServe's server sends "ready", and its client reads that.
        return _state_response(service, is_ok=service.state == "ready", live=True, ready=True)

    for path in (MODEL_PATH, VERSION_PATH):
        _add_model_endpoints(api, service, path)


def _add_model_endpoints(api: FastAPI, service: Service, path: str) -> None:
    @api.get(path, responses=schemas.MODEL_METADATA)
    async def metadata(request: Request) -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Return the inputs and outputs of a model, and its versions."""
        signature = _requested_model(service, request).signature
        versions = service.versions(signature.name)
        content = protocol_v2.model_metadata(signature, versions, service.settings.runtime)
        return _response(Response.json(content))

    @api.get(f"{path}/ready", responses=schemas.MODEL_READY)
    async def ready(request: Request) -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Readiness of one model: 200 if it is ready, else 503."""
        model = _requested_model(service, request)
        if model.state != "ready" or service.draining:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the model is {_model_state(service, model)}")
        return _response(Response.json({"name": model.signature.name, "ready": True}))

    @api.post(f"{path}/infer", responses=schemas.RESPONSES)
    async def infer(request: Request) -> StarletteResponse:  # pyright: ignore[reportUnusedFunction]
        """Return the outputs of a model for an inference request."""
        return await _infer(service, request, routes.infer_route(_requested_model(service, request)))


def _route_path(request: Request) -> str:
    """Return the path of a request without the prefix under which a proxy serves this server."""
    return request.scope["path"].removeprefix(request.scope["root_path"])


def _requested_model(service: Service, request: Request) -> ServedModel:
    """Return the model that the path names.

    The parameters are not declared to FastAPI: it would read a missing version from the query.
    """
    return service.model(**request.path_params)


async def _infer(service: Service, request: Request, route: Route) -> StarletteResponse:
    response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    exchange = Exchange(service, route, select_headers(request.headers.raw), response.set_result)
    try:
        # A request that was refused from its head is answered before its body is read.
        if not exchange.finished:
            async for chunk in request.stream():
                exchange.receive(chunk)
                if exchange.finished:
                    break
        exchange.complete()
        return _response(await response)
    except Problem as problem:
        # Raised by `request.stream()`: the connection cannot read the body.
        exchange.refuse(problem)
        return _response(await response)
    finally:
        # This task is cancelled when the client disconnects.
        exchange.cancel()


def _problem_response(request: Request, problem: Problem) -> StarletteResponse:
    return _response(problems.to_response(problem, request.headers.get("x-request-id")))


def _response(response: Response) -> StarletteResponse:
    return StarletteResponse(response.body, response.status, dict(response.headers), response.content_type)


def _state_response(service: Service, *, is_ok: bool, **content: str | bool) -> StarletteResponse:
    if not is_ok:
        detail = NO_KEYS if service.state == "locked" else f"the model is {service.state}"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail)
    return _response(Response.json(content))


def _health_content(service: Service) -> dict[str, str]:
    content = {"status": service.state, "model": service.signature.name}
    if (device := service.default_model.device) is not None:
        content["device"] = device
    return content


def _model_state(service: Service, model: ServedModel) -> str:
    return "draining" if model.state == "ready" and service.draining else model.state


def _allowed_methods(api: FastAPI, scope: Scope) -> list[str]:
    """Return the methods that the path of a request supports; none if there is no such path.

    https://www.rfc-editor.org/rfc/rfc9110#section-9.3.7
    """
    matching = [route for route in api.routes if isinstance(route, PathRoute | Mount)]
    if scope["path"] != WHOLE_SERVER:
        matching = [route for route in matching if route.matches(scope)[0] is not Match.NONE]
    methods = {method for route in matching for method in _methods(route)}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted({*methods, "OPTIONS"}) if methods else []


def _methods(route: PathRoute | Mount) -> Iterable[str]:
    # Only folders of files are mounted.
    return FOLDER_METHODS if isinstance(route, Mount) else route.methods or ()


class _ErrorMiddleware:
    """Answers OPTIONS requests, and answers and logs exceptions that no exception handler has handled."""

    def __init__(self, app: ASGIApp, api: FastAPI, *, answers_preflight: bool) -> None:
        self._app = app
        self._api = api
        self._answers_preflight = answers_preflight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and (allowed := _allowed_methods(self._api, scope)):
            headers = {"allow": ", ".join(allowed)}
            if self._answers_preflight and cors.is_preflight(scope["headers"]):
                headers |= cors.preflight_headers(allowed)
            await StarletteResponse(status_code=HTTPStatus.NO_CONTENT, headers=headers)(scope, receive, send)
            return
        response_started = False

        async def send_and_observe(message: Message) -> None:
            nonlocal response_started
            response_started = response_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_observe)
        except Exception:
            request = Request(scope)
            request_id = request.headers.get("x-request-id")
            context = {"request_id": request_id, "method": scope["method"], "path": scope["path"]}
            log.exception("request failed", extra=context)
            if response_started:
                raise
            problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")
            await _problem_response(request, problem)(scope, receive, send)
