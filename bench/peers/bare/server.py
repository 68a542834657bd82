"""An upper limit, not a peer: an ASGI app on uvicorn that parses, runs the model and answers without checks.

ONNX Runtime runs in the event loop, a single request at a time. https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import os
from typing import Any

import numpy as np
import onnxruntime
import orjson

SHAPE = tuple(int(axis) for axis in os.environ["BENCH_SHAPE"].split(","))
JSON = [(b"content-type", b"application/json")]

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    answer = b"{}"
    if scope["method"] == "POST":
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["path"] == "/predict":
            values = np.array(orjson.loads(body), np.float32)
        else:
            values = np.frombuffer(body, np.float32)
        (output,) = session.run(None, {name: values.reshape(1, *SHAPE)})
        answer = orjson.dumps({"predictions": output}, option=orjson.OPT_SERIALIZE_NUMPY)
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*JSON, length]})
    await send({"type": "http.response.body", "body": answer})
