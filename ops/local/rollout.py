"""Apply what the programs on the local cluster need, and wait until they run."""

from ops.local import from_modules

SECONDS = 180
"""How long a program may take to start."""


def apply_definitions(where: list[str]) -> None:
    """Apply custom resource definitions and wait until the API server serves them.

    On the server's side, because they are too large for the annotation of a client-side apply.

    Args:
        where: options of `kubectl apply` that name the files.

    """
    run = from_modules.kubectl()
    applied = run("apply", "--server-side", "--output=name", *where).split()
    defined = [name for name in applied if name.startswith("customresourcedefinition")]
    run("wait", *defined, "--for=condition=Established", f"--timeout={SECONDS}s")


def wait_for_rollout(name: str, namespace: str) -> None:
    """Wait until every pod of a Deployment is ready."""
    run = from_modules.kubectl()
    run("rollout", "status", f"deployment/{name}", f"--namespace={namespace}", f"--timeout={SECONDS}s")
