"""Run a command that ends when its parent dies: `python -m config.stack.tether PARENT_PID
COMMAND...`.

A supervisor killed with -9 can stop no child. On Linux the kernel does it; elsewhere the command
runs untethered.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have died before the kernel knew.
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
