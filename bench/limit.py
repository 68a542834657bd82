"""Measure ONNX Runtime without a server, as an upper limit: sessions with a single thread, in many threads.

`python -m bench.limit FILE SHAPE BATCH THREADS SECONDS` prints the samples computed per second.
"""

import sys
import threading
import time
from typing import Any, cast

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]


def measure(file: str, shape: tuple[int, ...], batch: int, threads: int, seconds: float) -> float:
    """Return the samples per second of all threads together.

    Args:
        file: the ONNX file of the model.
        shape: the shape of a sample, without the batch.
        batch: how many samples a call computes.
        threads: the number of threads, each with its own session.
        seconds: how long to measure.

    """
    runtime = cast(Any, onnxruntime)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    samples = np.random.default_rng(0).standard_normal((batch, *shape), dtype=np.float32)
    counts = [0] * threads
    ready, end = threading.Barrier(threads + 1), threading.Event()

    def work(number: int) -> None:
        session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        inputs = {session.get_inputs()[0].name: samples}
        session.run(None, inputs)
        ready.wait()
        while not end.is_set():
            session.run(None, inputs)
            counts[number] += batch

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    time.sleep(seconds)
    end.set()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - start)


if __name__ == "__main__":
    _, file, shape, batch, threads, seconds = sys.argv
    axes = tuple(int(axis) for axis in shape.split(","))
    sys.stdout.write(f"{measure(file, axes, int(batch), int(threads), float(seconds)):.3f}\n")
