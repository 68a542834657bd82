"""Run the Pulumi program `__main__.py` without the engine and record the resources that it declares."""

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
"""The kinds that other objects need. A Helm release may define the kinds of other objects."""

BuildImage = Callable[[dict[str, Any]], str]
"""Takes the inputs of a docker-build Image and returns its reference, with a digest if it was pushed."""


def tagged(inputs: dict[str, Any]) -> str:
    """Return the reference of an image by its tag, without building it."""
    return inputs["tags"][0]


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource that the program declared, with its inputs as the engine would get them."""

    type: str
    name: str
    inputs: dict[str, Any]

    @property
    def is_kubernetes_object(self) -> bool:
        """Whether this is an object of the cluster, not a provider, component, image or chart."""
        return self.type.startswith("kubernetes:") and "kind" in self.inputs

    @property
    def release(self) -> Release | None:
        """The resource as a Helm release, or None if it is of another kind."""
        return Release.of(self.inputs) if self.type == RELEASE else None


@dataclass(frozen=True, kw_only=True)
class Run:
    """The resources and outputs of a run of the program."""

    resources: list[Declared]
    outputs: dict[str, Any]

    def objects(self) -> list[dict[str, Any]]:
        """Return the Kubernetes objects in the order of their declaration."""
        return [resource.inputs for resource in self.resources if resource.is_kubernetes_object]

    def releases(self) -> list[Release]:
        """Return the Helm releases in an order in which they can be installed."""
        return [release for resource in self.resources if (release := resource.release)]


class Unanswered(Exception):  # noqa: N818 - not an error, because a preview goes on
    """The program called a function of a provider, whose result only the provider knows."""


class Monitor(MockMonitor):
    """Passes the calls of the program to the mocks. A call that raises `Unanswered` has an unknown result."""

    def Invoke(self, request: InvokeRequest) -> ResourceInvokeResponse:  # noqa: N802 - gRPC's name
        """Call a function of a provider."""
        try:
            return cast(Any, super()).Invoke(request)
        except Unanswered:
            return ResourceInvokeResponse(unknown=True)


@dataclass
class Recorder(Mocks):
    """Takes the place of the engine and its providers, and records what the program declares."""

    build_image: BuildImage = tagged
    resources: list[Declared] = field(default_factory=list[Declared])

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], None]:
        """Refuse a call of a provider's function.

        Raises:
            Unanswered: always, because the result is not known.

        """
        raise Unanswered(args.token)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Record a resource, and return its ID with the part of its state that is known before it is created.

        Raises:
            OperationError: it is a Kubernetes object, and a value in it is not known.

        """
        inputs: dict[str, Any] = _whole(cast(Any, args).inputs)
        state: dict[str, Any] = {}
        if args.typ.startswith("kubernetes:"):
            for path in _unknown(inputs):
                raise OperationError(
                    f"{inputs.get('kind', args.typ)} {args.name}: {path} is known only to the cloud: "
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
    """Run the program for a stack as a preview does: values that only a cloud knows stay unknown.

    Each run has its own thread and context, because Pulumi's runtime keeps its state in them.

    Args:
        stack: the stack, which gives the configuration.
        build_image: takes the inputs of the image and returns its reference.

    Raises:
        OperationError: the program rejects the stack's settings or its model.
        Exception: any other exception of the program.

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
    # A single worker keeps the registrations in the same order in every run. It gets its own event loop,
    # because the mock monitor would otherwise make a loop in that thread that nobody closes.
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
    # Releases keep the order of their declaration, so each follows those that it depends on.
    name = "" if resource.release else resource.name
    return (APPLY_FIRST.index(kind) if kind in APPLY_FIRST else len(APPLY_FIRST), kind, name)


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Turn whole floats back into integers: the engine's protocol has no integers."""
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
    """Yield the path of each unknown value within a value."""
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
    """Add a name to an object, as the engine does, but with a hash of its content as the suffix."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return {**inputs, "metadata": {**inputs["metadata"], "name": f"{name}-{digest[:8]}"}}
