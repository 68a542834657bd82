"""`python -m ops up | down | serve | render | smoke | load | set --stack NAME`."""

import argparse
import asyncio
import json
import sys

from ops import deploy, scrape
from ops.choice import CHOICES
from ops.errors import OperationError
from ops.keys import key_of, needs_key
from ops.load import load
from ops.models import ensure_artifact
from ops.program import run
from ops.progress import say
from ops.render import ADAPTER_RULE, adapter_rule, notes, to_yaml
from ops.request import Request
from ops.serve import PORT, serve
from ops.set import set_value
from ops.smoke import smoke
from ops.stack import Stack


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=(command.__doc__ or "").rstrip("."))
        subparser.set_defaults(command=command)
        subparser.add_argument("--stack", default="dev", help="the stack of Pulumi.STACK.yaml (%(default)s)")
        if name not in ("render", "set"):
            subparser.add_argument(
                "--engine",
                choices=CHOICES,
                default="auto",
                help="the tool that deploys it: %(choices)s (%(default)s)",
            )
        if name in ("up", "down"):
            subparser.add_argument(
                "--yes", action="store_true", help="change a shared stack without asking for consent"
            )
        if name == "set":
            subparser.add_argument("key", metavar="KEY", help="a setting, as Pulumi.yaml describes it")
            subparser.add_argument("value", metavar="VALUE")
        if name == "load":
            subparser.add_argument(
                "--connections", type=int, default=16, help="number of parallel requests (%(default)s)"
            )
            subparser.add_argument("--seconds", type=float, default=60, help="duration (%(default)s)")
        if name == "serve":
            subparser.add_argument(
                "--model", help="name of a model or path of an artifact (default: the stack's model)"
            )
            subparser.add_argument(
                "--port",
                type=int,
                default=PORT,
                help="port for predictions; metrics are on the next port (%(default)s)",
            )
    options = parser.parse_args()
    try:
        options.command(Stack.read(options.stack), options)
    except OperationError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _up(stack: Stack, options: argparse.Namespace) -> None:
    """Deploy a stack: export its model, build the image, start the service, ask for a prediction."""
    deployed = deploy.up(stack, options.engine, agreed=options.yes)
    url = deployed.outputs["url"]
    if deployed.prediction is not None:
        _show(json.dumps(deployed.prediction))
    for name, value in deployed.outputs.items():
        if name != ADAPTER_RULE:
            _show(f"{name + ':':<14}{value}")
    if text := adapter_rule(deployed.outputs):
        _show(text)
    _show(f"try it:       {Request.of(deployed.artifact).curl(url, needs_key=needs_key(stack))}")
    _show(f"look at it:   {url}/docs")


def _down(stack: Stack, options: argparse.Namespace) -> None:
    """Remove a stack, and the local cluster if no other stack is left on it."""
    deploy.down(stack, options.engine, agreed=options.yes)


def _serve(stack: Stack, options: argparse.Namespace) -> None:
    """Serve a model on this machine without a cluster, until Ctrl-C."""
    try:
        serve(stack, options.model, options.port)
    except KeyboardInterrupt:
        say("stopped")


def _render(stack: Stack, _: argparse.Namespace) -> None:
    """Print the Kubernetes objects of a stack as YAML, without any Secret."""
    ensure_artifact(stack)
    declared = run(stack)
    sys.stdout.write(notes(declared.outputs) + to_yaml(declared))


def _smoke(stack: Stack, options: argparse.Namespace) -> None:
    """Send the artifact's sample to a stack and check the prediction."""
    url = deploy.address(stack, options.engine)
    _show(json.dumps(smoke(url, ensure_artifact(stack), key=key_of(stack))))
    scrape.check(stack)


def _load(stack: Stack, options: argparse.Namespace) -> None:
    """Send requests to a stack for a while, on this machine only."""
    work = load(
        deploy.address(stack, options.engine),
        ensure_artifact(stack),
        connections=options.connections,
        seconds=options.seconds,
        key=key_of(stack),
    )
    _show(str(asyncio.run(work)))


def _set(stack: Stack, options: argparse.Namespace) -> None:
    """Write a setting to the file of a stack, and change nothing else in it."""
    _show(f"{options.key} is set in {set_value(stack.name, options.key, options.value).name}")


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")


COMMANDS = {
    "up": _up,
    "down": _down,
    "serve": _serve,
    "render": _render,
    "smoke": _smoke,
    "load": _load,
    "set": _set,
}

if __name__ == "__main__":
    sys.exit(main())
