"""The Pulumi program, run without the engine: the same `__main__.py`, its declarations recorded."""

import asyncio
import contextvars
import hashlib
import json
import runpy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
from pulumi.output import Unknown
from pulumi.runtime import (
    MockCallArgs,
    MockResourceArgs,
    Mocks,
    get_root_resource,
    reset_options,
    set_all_config,
    set_mocks,
)
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto.provider_pb2 import InvokeRequest
from pulumi.runtime.proto.resource_pb2 import ResourceInvokeResponse
from pulumi.runtime.stack import Stack as RootResource
from pulumi.runtime.stack import run_pulumi_func

from ops.errors import OperationError
from ops.helm import Release
from ops.stack import PROJECT, Stack

IMAGE = "docker-build:index:Image"
RELEASE = "kubernetes:helm.sh/v3:Release"

APPLY_FIRST = ("Namespace", "ServiceAccount", "Secret", "ConfigMap", "Release")
"""What other objects need before they are made; a Helm release defines kinds of them."""

BuildImage = Callable[[dict[str, Any]], str]
"""Takes the inputs of a docker-build Image and returns its reference, with a digest if it was pushed."""


def tagged(inputs: dict[str, Any]) -> str:
    """Return an image's reference by tag, for where nothing is built."""
    return inputs["tags"][0]


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource that the program declared, with its inputs as they go over the wire."""

    type: str
    name: str
    inputs: dict[str, Any]

    @property
    def is_kubernetes_object(self) -> bool:
        """Whether this is an object of the cluster, not a provider, component, image or chart."""
        return self.type.startswith("kubernetes:") and "kind" in self.inputs

    @property
    def release(self) -> Release | None:
        """The Helm release that this is, if it is one."""
        return Release.of(self.inputs) if self.type == RELEASE else None


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run of the program declared and exported."""

    resources: list[Declared]
    outputs: dict[str, Any]

    def objects(self) -> list[dict[str, Any]]:
        """Return the Kubernetes objects in the order of their declaration."""
        return [resource.inputs for resource in self.resources if resource.is_kubernetes_object]

    def releases(self) -> list[Release]:
        """Return the Helm releases in an order in which they can be installed."""
        return [release for resource in self.resources if (release := resource.release)]


class Unanswered(Exception):  # noqa: N818 - not an error, because a preview goes on
    """A function of a provider was called, which only the provider can answer."""


class Monitor(MockMonitor):
    """Passes to the mocks what the program asks of the engine; what they leave unanswered is unknown."""

    def Invoke(self, request: InvokeRequest) -> ResourceInvokeResponse:  # noqa: N802 - gRPC's name
        """Call a function of a provider."""
        try:
            return cast(Any, super()).Invoke(request)
        except Unanswered:
            return ResourceInvokeResponse(unknown=True)


@dataclass
class Recorder(Mocks):
    """Stands for the engine and its providers: records what is declared, and answers with it."""

    build_image: BuildImage = tagged
    resources: list[Declared] = field(default_factory=list[Declared])

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], None]:
        """Leave a function of a provider unanswered: its result is not known.

        Raises:
            Unanswered: always.

        """
        raise Unanswered(args.token)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Record a declaration; return of the state that it would have what is known without making it.

        Raises:
            OperationError: it is an object of the cluster, and what it says is not known.

        """
        inputs: dict[str, Any] = _whole(cast(Any, args).inputs)
        state: dict[str, Any] = {}
        if args.typ.startswith("kubernetes:"):
            for path in _unknown(inputs):
                raise OperationError(
                    f"{inputs.get('kind', args.typ)} {args.name}: {path} is known to the cloud alone: "
                    "use `pulumi up`"
                )
            if "name" not in inputs.get("metadata", {"name": None}):
                inputs = _named_by_content(args.name, inputs)
            state = {"status": {}}
        if args.typ == IMAGE:
            state = {"ref": self.build_image(inputs)}
        self.resources.append(Declared(type=args.typ, name=args.name, inputs=inputs))
        return f"{args.name}-id", {**inputs, **state}


def run(stack: Stack, build_image: BuildImage = tagged) -> Run:
    """Run the program for a stack, as at a preview: what only a cloud can tell stays unknown.

    Each run has a thread and a context of its own, for Pulumi's runtime keeps its state in them.

    Raises:
        OperationError: the program refuses the stack's settings or its model.
        Exception: whatever else the program raises; nothing is swallowed.

    """
    recorder = Recorder(build_image=build_image)
    with ThreadPoolExecutor(max_workers=1) as thread, chdir(PROJECT):
        work = thread.submit(contextvars.copy_context().run, asyncio.run, _run(stack, recorder))
        try:
            outputs = work.result()
        except pulumi.RunError as error:
            raise OperationError(str(error)) from None
    return Run(resources=sorted(recorder.resources, key=_order), outputs=outputs)


async def _run(stack: Stack, recorder: Recorder) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    # One worker: registrations arrive one at a time, in the same order at every run. The mock monitor asks
    # for the event loop of the thread that calls it, and would make one that nobody closes.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=1, initializer=_open_loop))
    # set_mocks() does not clear the outputs that a failed earlier run still waits for; reset_options() does.
    reset_options()
    set_mocks(recorder, stack.project, stack.name, preview=True, monitor=Monitor(recorder))
    set_all_config(stack.config, list(stack.secret_keys))
    try:
        await run_pulumi_func(lambda: cast(None, runpy.run_path("__main__.py", run_name="__main__")))
        exported = cast(RootResource, get_root_resource()).outputs
        outputs = {key: pulumi.Output.from_input(value) for key, value in exported.items()}
        return {key: await output.future() for key, output in outputs.items() if await output.is_known()}
    finally:
        await loop.run_in_executor(None, _close_loop)


def _open_loop() -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())


def _close_loop() -> None:
    asyncio.get_event_loop().close()


def _order(resource: Declared) -> tuple[int, str, str]:
    kind = resource.type.rpartition(":")[2]
    # Releases stay as they were declared, each after what it depends on.
    name = "" if resource.release else resource.name
    return (APPLY_FIRST.index(kind) if kind in APPLY_FIRST else len(APPLY_FIRST), kind, name)


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Undo the wire's only number type: an integer came as a float."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _whole(item) for key, item in cast(dict[str, Any], value).items()}
        case list():
            return [_whole(item) for item in cast(list[Any], value)]
        case _:
            return value


def _unknown(value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield where in a value something is not known."""
    match value:
        case Unknown():
            yield path
        case dict():
            for key, item in cast(dict[str, Any], value).items():
                yield from _unknown(item, f"{path}.{key}" if path else key)
        case list():
            for index, item in enumerate(cast(list[Any], value)):
                yield from _unknown(item, f"{path}[{index}]")
        case _:
            pass


def _named_by_content(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Name an object as the engine's autonaming would, but by its content: equal content, equal name."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return {**inputs, "metadata": {**inputs["metadata"], "name": f"{name}-{digest[:8]}"}}
