"""`python -m ops.local up | down | status`."""

import argparse
import sys

from ops.errors import OperationError
from ops.local import cluster
from ops.progress import say


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ops.local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status"])
    command = parser.parse_args().command
    try:
        if command == "up":
            cluster.up()
        elif command == "down":
            cluster.down()
        else:
            say(cluster.status())
            return 0 if cluster.healthy() else 1
    except OperationError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
