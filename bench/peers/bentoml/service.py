"""BentoML with adaptive batching and ONNX Runtime.

As many workers as cores, each with a single thread:
https://docs.bentoml.com/en/latest/build-with-bentoml/parallelize-requests.html.
Batches: https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html, with the default latency.
No access logs: https://docs.bentoml.com/en/latest/reference/bentoml/configurations.html.
"""

import base64
import os
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime
from bentoml.validators import DType

BATCH = int(os.environ["BENCH_BATCH"])
SHAPE = tuple(int(axis) for axis in os.environ["BENCH_SHAPE"].split(","))
BEST_ONLY = os.environ["BENCH_ANSWER"] == "best"


@bentoml.service(
    workers=int(os.environ["BENCH_CORES"]),
    logging={"access": {"enabled": False}},
)
class Model:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.name = self.session.get_inputs()[0].name

    @bentoml.api(batchable=True, max_batch_size=BATCH)
    def predict(self, data: Annotated[np.ndarray, DType("float32")]) -> np.ndarray:
        return self.answers(data)

    @bentoml.api(batchable=True, max_batch_size=BATCH)
    def predict_base64(self, data: list[str]) -> np.ndarray:
        return self.answers(np.stack([np.frombuffer(base64.b64decode(text), np.float32) for text in data]))

    def answers(self, data: np.ndarray) -> np.ndarray:
        (output,) = self.session.run(None, {self.name: data.reshape(-1, *SHAPE)})
        return output.argmax(axis=1) if BEST_ONLY else output
