"""LitServe with batching and ONNX Runtime.

As many workers as cores, each with a single thread: "For CPU, set to the number of cores available on the
machine"; ZeroMQ "for high-throughput scenarios (>100 RPS)": the docstring of LitServer, and
https://lightning.ai/docs/litserve/api-reference/litserver. As many API servers, which is the default.
Batches: https://lightning.ai/docs/litserve/features/batching.
An array is sent in base64, as the documentation does with pictures:
https://lightning.ai/docs/litserve/speed-up-serving-by-200x.
"""

import base64
import os

import litserve
import numpy as np
import onnxruntime

CORES = int(os.environ["BENCH_CORES"])
SHAPE = tuple(int(axis) for axis in os.environ["BENCH_SHAPE"].split(","))
BEST_ONLY = os.environ["BENCH_ANSWER"] == "best"
WAIT_SECONDS = 0.001


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.name = self.session.get_inputs()[0].name

    # Without annotations, because LitServe would validate requests and answers against them.
    def decode_request(self, request):
        if isinstance(request, dict):
            return np.frombuffer(base64.b64decode(request["data"]), np.float32).reshape(SHAPE)
        return np.array(request, np.float32).reshape(SHAPE)

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.stack(inputs)

    def predict(self, batch: np.ndarray) -> np.ndarray:
        (output,) = self.session.run(None, {self.name: batch})
        return output.argmax(axis=1) if BEST_ONLY else output

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output)

    def encode_response(self, output):
        return {"prediction": output.tolist()}


if __name__ == "__main__":
    api = Api(max_batch_size=int(os.environ["BENCH_BATCH"]), batch_timeout=WAIT_SECONDS)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=CORES, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
