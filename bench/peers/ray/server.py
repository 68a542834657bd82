"""Ray Serve with batching and ONNX Runtime.

As many replicas as cores, each with a single thread; bench/servers.py turns on throughput mode and HAProxy:
https://docs.ray.io/en/latest/serve/advanced-guides/performance.html.
Batches of the requests that have arrived, without waiting for more: https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html.
No access log: https://docs.ray.io/en/latest/serve/monitoring.html.
"""

import os

import numpy as np
import onnxruntime
import ray
from ray import serve
from starlette.requests import Request

CORES = int(os.environ["BENCH_CORES"])
SHAPE = tuple(int(axis) for axis in os.environ["BENCH_SHAPE"].split(","))
BEST_ONLY = os.environ["BENCH_ANSWER"] == "best"


@serve.deployment(num_replicas=CORES, max_ongoing_requests=256)
class Model:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.name = self.session.get_inputs()[0].name

    @serve.batch(max_batch_size=int(os.environ["BENCH_BATCH"]), batch_wait_timeout_s=0)
    async def infer(self, inputs: list[np.ndarray]) -> list[list[float]]:
        (output,) = self.session.run(None, {self.name: np.stack(inputs)})
        return (output.argmax(axis=1) if BEST_ONLY else output).tolist()

    async def __call__(self, request: Request) -> dict[str, list[float]]:
        if request.method == "GET":
            return {}
        if request.headers["content-type"] == "application/json":
            values = np.array(await request.json(), np.float32)
        else:
            values = np.frombuffer(await request.body(), np.float32)
        return {"prediction": await self.infer(values.reshape(SHAPE))}


if __name__ == "__main__":
    ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])})
    serve.run(Model.bind(), blocking=True, logging_config={"enable_access_log": False})
