"""KServe's own client of the Open Inference Protocol asks a server of several models; prints what it got.

Runs in an environment of its own, for KServe holds packages back that this project has newer.
"""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


def inputs(*, is_binary: bool) -> list[InferInput]:
    rows = InferInput("rows", [1, 2], "INT64")
    rows.set_data_from_numpy(np.array([[3, 0]]), binary_data=is_binary)
    value = InferInput("value", [1, 1], "FP32")
    value.set_data_from_numpy(np.array([[0.5]], np.float32), binary_data=is_binary)
    return [rows, value]


async def infer(
    client: InferenceRESTClient, url: str, *, is_binary: bool, wants_binary: bool
) -> dict[str, object]:
    wanted = [RequestedOutput(name, {"binary_data": wants_binary}) for name in ("doubled", "found")]
    request = InferRequest("lookup", inputs(is_binary=is_binary), "own-id", request_outputs=wanted)
    response = await client.infer(url, request, model_name="lookup")
    arrays = {output.name: output.as_numpy().tolist() for output in response.outputs}
    return {"id": response.id, "model": response.model_name, **arrays}


async def ask(url: str) -> dict[str, object]:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        answers: dict[str, object] = {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "model ready": await client.is_model_ready(url, "lookup"),
            "unknown model ready": await client.is_model_ready(url, "none"),
            "answers": [
                await infer(client, url, is_binary=is_binary, wants_binary=wants_binary)
                for is_binary in (False, True)
                for wants_binary in (False, True)
            ],
        }
        try:
            await client.infer(url, InferRequest("lookup", inputs(is_binary=False)[:1]), model_name="lookup")
        except httpx.HTTPStatusError as error:
            answers["refusal"] = error.response.json()["error"]
        return answers


sys.stdout.write(json.dumps(asyncio.run(ask(sys.argv[1]))))
