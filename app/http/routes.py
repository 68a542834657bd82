"""The paths of inference requests, and the model and protocol of each path."""

from typing import NamedTuple

from app.protocols.messages import WireProtocol
from app.protocols.predict_protocol import PredictProtocol
from app.protocols.protocol_v2 import ProtocolV2
from app.protocols.step_predict_protocol import StepPredictProtocol
from app.serving.served_model import ServedModel
from app.serving.service import Service

PREDICT_PATH = "/predict"
MODEL_PATH = "/v2/models/{name}"
VERSION_PATH = "/v2/models/{name}/versions/{version}"
INFER_PATH = f"{MODEL_PATH}/infer"

PROBE_PATHS = frozenset(
    {b"/health", b"/health/live", b"/health/ready", b"/v2/health/live", b"/v2/health/ready"}
)
"""The paths of health probes."""

DOCUMENT_PATHS = frozenset({b"/", b"/docs", b"/openapi.json"})
DOCUMENT_PREFIXES = (b"/web/", b"/swagger-ui/")
"""The folders of the files that the pages load."""


class Route(NamedTuple):
    """The model and the protocol of one inference path."""

    path: str
    """The path template, such as `/v2/models/{name}/infer`; for metrics, traces and logs."""

    protocol: WireProtocol
    model: ServedModel


def predict_route(service: Service) -> Route:
    """Return the route of /predict."""
    model = service.default_model
    protocol = PredictProtocol() if model.signature.steps is None else StepPredictProtocol(model)
    return Route(PREDICT_PATH, protocol, model)


def infer_route(model: ServedModel) -> Route:
    """Return the route to a model by the Open Inference Protocol."""
    return Route(INFER_PATH, ProtocolV2(), model)


def inference_routes(service: Service) -> dict[bytes, Route]:
    """Return the routes of all models that are served, by the exact path of a request.

    Each path is there twice if the server has a root path: with and without it.
    """
    routes = {PREDICT_PATH.encode(): predict_route(service)}
    for model in service.models:
        name, version = model.signature.name, model.signature.version
        path = f"{VERSION_PATH}/infer".format(name=name, version=version)
        routes[path.encode()] = infer_route(model)
    for name in service.model_names:
        routes[INFER_PATH.format(name=name).encode()] = infer_route(service.model(name))
    root_path = service.settings.root_path.encode()
    return routes | {root_path + path: route for path, route in routes.items()}
