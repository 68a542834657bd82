"""POST /predict of a model with steps before or after it."""

from functools import partial

import orjson

from app.protocols import json_size, payload
from app.protocols.messages import (
    JSON,
    BodyHeaders,
    DecodedRequest,
    Response,
    checked_sample_count,
    without_byte_order_mark,
)
from app.protocols.predict_protocol import PredictProtocol, predictions_response
from app.serving.predictions import BatchOutputs
from app.serving.served_model import ServedModel
from app.serving.step_predictions import predictions
from app.signature import Signature
from app.tensors import Arrays

FORM = "application/x-www-form-urlencoded"
"""What `curl -d` says that its body is. A body that a step reads is JSON, whatever it is called."""


class StepPredictProtocol:
    """The codec of /predict for one model with steps. Where none is before it, the body holds tensors."""

    def __init__(self, model: ServedModel) -> None:
        """Take the model; its steps are there once it is ready."""
        self._model = model
        self._tensors = PredictProtocol()

    def media_types(self, signature: Signature) -> tuple[str, ...]:
        """Return JSON where a step reads the body, else what a model without steps takes."""
        return self._tensors.media_types(signature) if self._takes_tensors else (JSON, FORM)

    def is_quick(self, length: int, head: BodyHeaders, signature: Signature) -> bool:
        """Return False for a step: it is run on a thread."""
        return self._takes_tensors and self._tensors.is_quick(length, head, signature)

    def memory_cost(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> int:
        """Return what parsing the body takes, and the step.

        Raises:
            TooLarge: it holds more than may be sent.

        """
        before = self._model.steps.before
        if before is None:
            return self._tensors.memory_cost(body, head, signature, batch_size)
        return json_size.any_memory_cost(bytes(body)) + before.cost(len(body), batch_size)

    def decode(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> DecodedRequest:
        """Read a body by the step before the model.

        Raises:
            RequestError: it does not fit.

        """
        steps = self._model.steps
        if steps.before is None:
            inputs = self._tensors.decode(body, head, signature, batch_size).inputs
        else:
            request = payload.parse(bytes(without_byte_order_mark(body)))
            inputs = steps.before.tensors(request, batch_size)
            checked_sample_count(inputs, signature, batch_size)
        encode = partial(self._encode, signature, inputs)
        return DecodedRequest(inputs, encode, is_slow_to_encode=steps.is_slow_after)

    @property
    def _takes_tensors(self) -> bool:
        described = self._model.signature.steps
        return described is None or described.before is None

    def _encode(self, signature: Signature, inputs: Arrays, answers: BatchOutputs, first: int) -> Response:
        size = len(next(iter(inputs.values())))
        made = predictions(self._model.steps, signature, inputs, answers.arrays(first, size))
        return predictions_response(signature, orjson.Fragment(made))
