"""Processes of the stack: started in a session of their own, watched, ended with all they left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.processes import PROJECT

STOP_SECONDS = 20.0
# Marks every process of a gate, so that what it leaves behind is found.
MARK = "TOLLGATE_GATE"


@dataclass
class Managed:
    """One process with its environment; started again under the same name after a fault."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    # Bytes that no file which it writes may exceed, as if the disk were full; 0 is no limit.
    largest_file: int = 0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, to end when this process dies; what it writes is appended to its log. To be
        called by the main thread, which it is tethered to."""
        tether = [sys.executable, "-m", "config.stack.tether", str(os.getpid())]
        limit = ["prlimit", f"--fsize={self.largest_file}"] if self.largest_file else []
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*tether, *limit, *self.command],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def stop(self) -> None:
        """End it in order; past STOP_SECONDS, and whatever it left, by SIGKILL."""
        if self.process is None:
            return
        if self.is_alive:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it and all its children at once."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def tree(self) -> list[psutil.Process]:
        """The process and its descendants, as far as they live."""
        if not self.is_alive:
            return []
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def last_lines(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def marked(mark: str) -> list[psutil.Process]:
    """The processes, this one apart, that bear the mark of a gate, or of one of its parts."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            own = process.environ().get(MARK, "") if process.pid != os.getpid() else ""
            if own == mark or own.startswith(f"{mark}."):
                found.append(process)
    return found


def wait_for_end(mark: str, seconds: float = 10) -> list[psutil.Process]:
    """The marked processes that are still there after so long."""
    deadline = time.monotonic() + seconds
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left
