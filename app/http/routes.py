"""The paths of inference, and which model and protocol answer there."""

from typing import NamedTuple

from app.protocols.messages import WireProtocol
from app.protocols.predict import PredictProtocol
from app.protocols.protocol_v2 import ProtocolV2
from app.protocols.step_predict import StepPredictProtocol
from app.serving.served_model import ServedModel
from app.serving.service import Service

PREDICT_PATH = "/predict"
MODEL_PATH = "/v2/models/{name}"
VERSION_PATH = "/v2/models/{name}/versions/{version}"
INFER_PATH = f"{MODEL_PATH}/infer"


class Route(NamedTuple):
    """What answers at one path of inference."""

    path: str
    """The path, with names in braces for what differs; for metrics, traces and logs."""

    protocol: WireProtocol
    model: ServedModel


def predict(service: Service) -> Route:
    """Return the route of /predict."""
    model = service.default
    protocol = PredictProtocol() if model.signature.steps is None else StepPredictProtocol(model)
    return Route(PREDICT_PATH, protocol, model)


def infer(model: ServedModel) -> Route:
    """Return the route of the Open Inference Protocol to a model."""
    return Route(INFER_PATH, ProtocolV2(), model)


def routes(service: Service) -> dict[bytes, Route]:
    """Return the routes to all models, by their paths as they are on the wire."""
    found = {PREDICT_PATH.encode(): predict(service)}
    for model in service.models:
        name, version = model.signature.name, model.signature.version
        found[f"{VERSION_PATH}/infer".format(name=name, version=version).encode()] = infer(model)
    for name in service.names:
        found[INFER_PATH.format(name=name).encode()] = infer(service.model(name))
    return found
