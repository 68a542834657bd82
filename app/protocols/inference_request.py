"""The JSON of a request in the Open Inference Protocol.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
Optional members may be null, because clients that use Pydantic send them so.
"""

from typing import Annotated, Any

import msgspec

Natural = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Parameters(msgspec.Struct):
    """The parameters that this server knows. Others are ignored."""

    binary_data_size: Natural | None = None
    binary_data: bool | None = None
    binary_data_output: bool | None = None
    timeout: Natural | None = None
    """In microseconds; 0 means none. From the schedule policy extension:

    https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_schedule_policy.md
    """


NO_PARAMETERS = Parameters()


class Input(msgspec.Struct):
    """An input tensor of a request."""

    name: str
    shape: list[Natural]
    datatype: str
    parameters: Parameters | None = None
    data: Any = None


class Output(msgspec.Struct):
    """An output tensor that the response must have."""

    name: str
    parameters: Parameters | None = None


class InferenceRequest(msgspec.Struct):
    """The JSON part of a request."""

    inputs: list[Input]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[Output] | None = None


decode_request = msgspec.json.Decoder(InferenceRequest).decode
"""Parses JSON to an InferenceRequest. Raises msgspec.DecodeError, UnicodeDecodeError or RecursionError."""
