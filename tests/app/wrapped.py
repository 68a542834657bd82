"""Code that a server runs before it starts, so that its models do something else in addition."""

from pathlib import Path

ON_THREADS = "from app.serving import model\nmodel.MAX_INLINE_SECONDS = -1\n"
WRAPPED = """
import time
from app import runtimes
real = runtimes.load
def load(*arguments):
    run = real(*arguments)
    calls = 0
    def wrapped(inputs):
        nonlocal calls
        calls += 1
        value = inputs["x"].max()
{body}
        return run(inputs)
    return wrapped
runtimes.load = load
"""


def wrapped(*lines: str, threads: bool = True) -> str:
    """Return code that runs lines before each run of the model. `value` is the largest input value."""
    body = "\n".join(f"        {line}" for line in lines)
    return (ON_THREADS if threads else "") + WRAPPED.format(body=body)


def held_until(gate: Path) -> str:
    """Return code that computes inputs with a value above 100 only when a file exists."""
    return wrapped(
        "from pathlib import Path",
        f"while value > 100 and not Path({str(gate)!r}).exists(): time.sleep(0.01)",
    )
