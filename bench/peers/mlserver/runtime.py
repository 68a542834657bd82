"""A custom runtime of MLServer with ONNX Runtime: https://docs.seldon.ai/mlserver/user-guide/custom.

bench/servers.py has its settings, which are all environment variables.
As many parallel workers as cores, each with a single thread: "adjust parallel_workers in line with the
number of CPU cores assigned", https://docs.seldon.ai/seldon-core-2/user-guide/performance-tuning/models/inference.
No parallel workers for the small model, which is faster:
https://docs.seldon.ai/mlserver/user-guide/parallel-inference.
Batches: https://docs.seldon.ai/mlserver/user-guide/adaptive-batching.
`debug` false turns the access log off: https://docs.seldon.ai/mlserver/reference/settings.
It accepts no binary body, but base64 as a content type:
https://docs.seldon.ai/mlserver/user-guide/content-type.
"""

import os

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

SHAPE = tuple(int(axis) for axis in os.environ["BENCH_SHAPE"].split(","))
BEST_ONLY = os.environ["BENCH_ANSWER"] == "best"


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        (data,) = payload.inputs
        if data.datatype == "BYTES":
            values = np.stack([np.frombuffer(item, np.float32) for item in Base64Codec.decode_input(data)])
        else:
            values = NumpyCodec.decode_input(data)
        (output,) = self.session.run(None, {self.input: values.reshape(-1, *SHAPE)})
        answers = output.argmax(axis=1, keepdims=True) if BEST_ONLY else output
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("output", answers)])
