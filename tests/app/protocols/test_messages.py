"""Which bodies are read on the event loop."""

import pytest

from app.http.head import RequestHead
from app.protocols.messages import LONG, WireProtocol
from app.protocols.predict import PredictProtocol
from app.protocols.protocol_v2 import ProtocolV2
from app.signature import Signature


def taking(datatype: str) -> Signature:
    tensor = {"name": "x", "datatype": datatype, "shape": [-1, 2]}
    rest = {"labels": None, "activation": None, "image": None}
    whole = {
        "name": "m",
        "version": "1",
        "formats": [],
        "inputs": [tensor],
        "outputs": [{**tensor, "name": "y"}],
        **rest,
    }
    return Signature.model_validate(whole)


@pytest.mark.parametrize(
    ("protocol", "headers", "datatype", "length", "quick"),
    [
        (PredictProtocol(), {}, "FP32", LONG, True),
        (PredictProtocol(), {}, "FP32", LONG + 1, False),
        (PredictProtocol(), {b"content-type": b"application/octet-stream"}, "FP32", 100 * LONG, True),
        (PredictProtocol(), {b"content-type": b"image/png"}, "FP32", 100, False),
        (ProtocolV2(), {}, "FP32", LONG + 1, False),
        (ProtocolV2(), {b"inference-header-content-length": b"100"}, "FP32", 100 * LONG, True),
        (ProtocolV2(), {b"inference-header-content-length": b"100"}, "BYTES", LONG + 1, False),
        (ProtocolV2(), {b"inference-header-content-length": b"%d" % (LONG + 1)}, "FP32", 100 * LONG, False),
    ],
)
def test_only_what_is_read_at_once_is_read_on_the_event_loop(
    protocol: WireProtocol, headers: dict[bytes, bytes], datatype: str, length: int, quick: bool
):
    assert protocol.is_quick(length, RequestHead(headers), taking(datatype)) == quick
