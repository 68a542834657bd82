"""`python -m ops.local up | monitoring | door | checkers | down | status`."""

import argparse
import sys

from ops.errors import OperationError
from ops.local import door, monitoring
from ops.local.binaries import CHECKERS, build
from ops.local.cluster import driver


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ops.local", description=__doc__)
    parser.add_argument("command", choices=["up", "monitoring", "door", "checkers", "down", "status"])
    command = parser.parse_args().command
    try:
        if command == "up":
            driver().up()
        elif command == "monitoring":
            monitoring.up()
        elif command == "door":
            door.up()
        elif command == "checkers":
            build(*CHECKERS)
            door.definitions()
        elif command == "down":
            driver().down()
        else:
            sys.stdout.write(f"{driver().status()}\n")
            return 0 if driver().healthy() else 1
    except OperationError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
