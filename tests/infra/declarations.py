"""Everything that a run of the program declares: inputs and resource options, as the engine receives them."""

from dataclasses import dataclass
from typing import Any

import pytest
from pulumi.runtime.proto.resource_pb2 import RegisterResourceRequest, RegisterResourceResponse

from ops import program
from ops.program import Monitor, run
from ops.stack import Stack

PROVIDERS = "pulumi:providers:"
"""How the types of providers begin. Their inputs name files of this machine."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One declared resource."""

    type: str
    name: str
    inputs: dict[str, Any]
    options: dict[str, Any]
    """Parent, dependencies, timeouts and so on; only those that are set."""


def declarations(stack: Stack) -> list[Declaration]:
    """Run the program for a stack and return what it declares, in the order of `ops.program.Run`."""
    requests: dict[tuple[str, str], RegisterResourceRequest] = {}

    class RecordingMonitor(Monitor):
        def RegisterResource(self, request: RegisterResourceRequest) -> RegisterResourceResponse:  # noqa: N802
            requests[request.type, request.name] = request
            return super().RegisterResource(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "Monitor", RecordingMonitor)
        resources = run(stack).resources
    return [
        Declaration(
            type=resource.type,
            name=resource.name,
            inputs=resource.inputs,
            options=_options(requests.get((resource.type, resource.name))),
        )
        for resource in resources
    ]


def _options(request: RegisterResourceRequest | None) -> dict[str, Any]:
    if request is None:  # A resource that is read, not declared: the stack of another program.
        return {}
    timeouts = request.customTimeouts
    options: dict[str, Any] = {
        "parent": _name(request.parent),
        "provider": _name(request.provider.rpartition("::")[0]),
        "dependsOn": sorted(map(_name, request.dependencies)),
        "ignoreChanges": [*request.ignoreChanges],
        "protect": request.protect,
        "retainOnDelete": request.retainOnDelete,
        "timeouts": {
            verb: getattr(timeouts, verb)
            for verb in ("create", "update", "delete")
            if getattr(timeouts, verb)
        },
    }
    return {key: value for key, value in options.items() if value}


def _name(urn: str) -> str:
    """Return the type and the name of a resource, which end its URN."""
    types, _, name = urn.rpartition("::")
    return f"{types.rpartition('::')[2].rpartition('$')[2]} {name}" if name else ""
