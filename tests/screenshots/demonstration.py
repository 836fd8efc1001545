"""A stack of its own with the simulated upstream and its past."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "only for the screenshots"


@contextmanager
def demonstration(folder: str) -> Iterator[str]:
    """The address of a running stack that has collected the simulator's past."""
    port = free_port()
    environment = {
        **os.environ,
        **dict.fromkeys(("DATABASE_URL", "CLIPROXYAPI_MANAGEMENT_URL", "MANAGEMENT_API_KEY"), ""),
        "VAR_DIR": folder,
        "PORT": str(port),
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    stack = subprocess.Popen(
        [sys.executable, "-m", "config.stack"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(stack, "Collector run ended")
        # A full pipe would stop every process that logs into it.
        reading = threading.Thread(target=deque, args=(stack.stdout, 0), daemon=True)
        reading.start()
        yield f"http://127.0.0.1:{port}"
    finally:
        stack.send_signal(signal.SIGINT)
        stack.wait(timeout=60)


def _wait_for(stack: "subprocess.Popen[str]", wanted: str) -> None:
    seen = []
    for line in stack.stdout or ():
        seen.append(line)
        if wanted in line:
            return
    sys.exit("the stack ended:\n" + "".join(seen))
