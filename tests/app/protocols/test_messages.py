"""Which bodies are decoded on the event loop."""

import pytest

from app.http.head import RequestHead
from app.protocols.messages import MAX_INLINE_DECODE_BYTES as LIMIT
from app.protocols.messages import WireProtocol
from app.protocols.predict_protocol import PredictProtocol
from app.protocols.protocol_v2 import ProtocolV2
from app.signature import Signature

OCTETS = {b"content-type": b"application/octet-stream"}
PNG = {b"content-type": b"image/png"}


def json_part(length: int) -> dict[bytes, bytes]:
    """Return the header which says that so many bytes of the body are JSON."""
    return {b"inference-header-content-length": b"%d" % length}


def signature_of(datatype: str) -> Signature:
    tensor = {"name": "x", "datatype": datatype, "shape": [-1, 2]}
    return Signature.model_validate(
        {
            "name": "m",
            "version": "1",
            "formats": [],
            "inputs": [tensor],
            "outputs": [{**tensor, "name": "y"}],
            "labels": None,
            "activation": None,
            "image": None,
        }
    )


@pytest.mark.parametrize(
    ("protocol", "headers", "datatype", "length", "is_quick"),
    [
        (PredictProtocol(), {}, "FP32", LIMIT, True),
        (PredictProtocol(), {}, "FP32", LIMIT + 1, False),
        (PredictProtocol(), OCTETS, "FP32", 100 * LIMIT, True),
        (PredictProtocol(), PNG, "FP32", 100, False),
        (ProtocolV2(), {}, "FP32", LIMIT + 1, False),
        (ProtocolV2(), json_part(100), "FP32", 100 * LIMIT, True),
        (ProtocolV2(), json_part(100), "BYTES", LIMIT + 1, False),
        (ProtocolV2(), json_part(LIMIT + 1), "FP32", 100 * LIMIT, False),
    ],
)
def test_only_a_body_that_is_decoded_quickly_is_decoded_on_the_event_loop(
    protocol: WireProtocol, headers: dict[bytes, bytes], datatype: str, length: int, is_quick: bool
):
    assert protocol.is_quick(length, RequestHead(headers), signature_of(datatype)) == is_quick
