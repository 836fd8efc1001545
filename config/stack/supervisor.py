"""Keeps child processes alive: prefixes their output, restarts the dead with backoff, stops all in
order.

Invariants
* A child leads a process group of its own: a terminal's Ctrl-C reaches the supervisor alone, and
  what a dead or hung child leaves behind is found by the group and killed before the child is
  started again.
* A child is tethered: it is signalled to end when the supervisor dies, even by kill -9.
* Output is read to its end, also when ours is no longer read; a child never blocks on it.
* A child that ran once is started again for ever, whatever keeps it from starting meanwhile. One
  that never ran cannot: after ATTEMPTS the supervisor gives up with its last output.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from config.stack.errors import CannotStart
from config.stack.sources import Sources

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 30.0
# A child that lived this long starts again without having failed before.
STEADY_SECONDS = 60.0
# A child that lived this long has started: it found its configuration good.
STARTED_SECONDS = 10.0
ATTEMPTS = 3
STOP_SECONDS = 20.0
LAST_LINES = 12
PROJECT = Path(__file__).resolve().parent.parent.parent


def say(text: str) -> None:
    """A line of the stack's own, if it is still read."""
    with contextlib.suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def longest_backoff() -> float:
    """The longest wait before a dead child starts again, in seconds."""
    return LONGEST_BACKOFF_SECONDS


@dataclass
class Child:
    """One process to keep alive. What `serves_others` is stopped after all the others."""

    name: str
    command: list[str]
    environment: dict[str, str]
    serves_others: bool = False
    longest_backoff: Callable[[], float] = longest_backoff
    process: "subprocess.Popen[str] | None" = None
    started: float = 0.0
    restart_at: float = 0.0
    failures: int = 0
    has_started: bool = False
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    reader: threading.Thread | None = None

    def start(self) -> None:
        """Start the process. To be called by the main thread: the tether holds to the thread that
        started it."""
        self.last_lines.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.stack.tether", str(os.getpid()), *self.command],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment},
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.started = time.monotonic()
        self.reader = threading.Thread(target=self._relay, args=(self.process,), daemon=True)
        self.reader.start()

    def is_alive(self) -> bool:
        """Whether the process runs now."""
        return self.process is not None and self.process.poll() is None

    def _relay(self, process: "subprocess.Popen[str]") -> None:
        if process.stdout is None:
            return
        with process.stdout as output:
            for line in output:
                self.last_lines.append(line.rstrip())
                say(f"{self.name:>10} | {line.rstrip()}")

    def note_death(self) -> None:
        """Report a death, clear away what it left and decide when to try again. Raises CannotStart
        if it never started."""
        status = self.process.returncode if self.process else None
        self._bury()
        lived = time.monotonic() - self.started
        self.has_started = self.has_started or lived >= STARTED_SECONDS
        self.failures = 1 if lived > STEADY_SECONDS else self.failures + 1
        end = f"{self.name} ended with status {status} after {lived:.0f} s"
        output = "".join(f"\n             {line}" for line in self.last_lines) or " none"
        if not self.has_started and self.failures >= ATTEMPTS:
            raise CannotStart(
                f"{end}, {ATTEMPTS} times without having started. Its last output:{output}"
            )
        backoff = FIRST_BACKOFF_SECONDS * 2 ** min(self.failures - 1, 10)
        backoff = min(backoff, max(self.longest_backoff(), FIRST_BACKOFF_SECONDS))
        self.restart_at = time.monotonic() + backoff
        say(f"tollgate: {end}; starting it again in {backoff:.0f} s. Its last output:{output}")

    def ask_to_stop(self) -> None:
        """Signal the process to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def see_stopped(self, deadline: float) -> None:
        """Wait for the end that was requested; past the deadline, kill."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"tollgate: {self.name} did not stop within {STOP_SECONDS:.0f} s and is killed")
        self._bury()

    def _bury(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.reader:
            self.reader.join(2)
        self.process = None


class Supervisor:
    """Runs children until `stop` is set, and starts them anew when their sources change."""

    def __init__(self, stop: threading.Event, sources: Sources | None = None) -> None:
        self._stop = stop
        self._sources = sources
        self._children: list[Child] = []

    def start(self, child: Child) -> None:
        """Start a child and keep it alive from now on."""
        self._children.append(child)
        child.start()

    def watch(self) -> None:
        """Restart what dies, until `stop` is set; then stop all. Raises CannotStart."""
        while not self._stop.wait(0.2):
            if self._sources and (changed := self._sources.changed()):
                say(f"tollgate: {changed} changed")
                self.restart()
            for child in self._children:
                self.step(child)
        self.stop_all()

    def step(self, child: Child) -> None:
        """Restart one child if it died and its time has come. Raises CannotStart."""
        if child.process is not None and child.process.poll() is not None:
            child.note_death()
        if child.process is None and time.monotonic() >= child.restart_at:
            child.start()

    def restart(self) -> None:
        """Stop every child that serves no others, and start it at once."""
        for child in self._stop_stage(serves_others=False):
            child.failures = 0
            child.start()

    def stop_all(self) -> None:
        """Stop every child: all at once, but those that serve others last."""
        for serves_others in (False, True):
            self._stop_stage(serves_others=serves_others)

    def _stop_stage(self, *, serves_others: bool) -> list[Child]:
        stage = [child for child in self._children if child.serves_others is serves_others]
        deadline = time.monotonic() + STOP_SECONDS
        for child in stage:
            child.ask_to_stop()
        for child in stage:
            child.see_stopped(deadline)
        return stage
