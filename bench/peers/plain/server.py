"""The plain app, as in a tutorial: FastAPI, TorchScript, a synchronous handler.

A single process, because on Kubernetes "run a single Uvicorn process per container":
https://fastapi.tiangolo.com/deployment/server-workers/
"""

import os
from typing import Annotated

import torch
from fastapi import Body, FastAPI

SHAPE = tuple(int(axis) for axis in os.environ["BENCH_SHAPE"].split(","))
BEST_ONLY = os.environ["BENCH_ANSWER"] == "best"

app = FastAPI()
model = torch.jit.load(os.environ["BENCH_MODEL"])
model.eval()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/predict")
def predict(data: list[float]) -> dict[str, list]:
    return answer(torch.tensor(data))


@app.post("/predict-bytes")
def predict_bytes(data: Annotated[bytes, Body(media_type="application/octet-stream")]) -> dict[str, list]:
    return answer(torch.frombuffer(bytearray(data), dtype=torch.float32))


def answer(values: torch.Tensor) -> dict[str, list]:
    with torch.no_grad():
        output = model(values.reshape(1, *SHAPE))
    return {"prediction": (output.argmax(dim=1) if BEST_ONLY else output).tolist()}
