"""Keeps child processes alive: prefixes their output, restarts the dead with backoff, stops all in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 30.0
# A child that lived this long starts again without having failed before.
STEADY_SECONDS = 60.0
STOP_SECONDS = 20.0
LAST_WORDS = 12


def say(text: str) -> None:
    """A line of the stack's own."""
    print(text, flush=True)


@dataclass
class Child:
    """One process to keep alive."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: "subprocess.Popen[str] | None" = None
    started: float = 0.0
    restart_at: float = 0.0
    failures: int = 0
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_WORDS))
    reader: threading.Thread | None = None

    def start(self) -> None:
        """Start the process in a group of its own, so that a terminal's Ctrl-C reaches the supervisor alone."""
        self.last_words.clear()
        self.process = subprocess.Popen(
            self.command, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        self.started = time.monotonic()
        self.reader = threading.Thread(target=self._relay, args=(self.process,), daemon=True)
        self.reader.start()

    def _relay(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            self.last_words.append(line.rstrip())
            sys.stdout.write(f"{self.name:>10} | {line}")
            sys.stdout.flush()

    def note_death(self) -> None:
        """Report a death and decide when to try again."""
        process = self.process
        if process is None:
            return
        if self.reader:
            self.reader.join(2)
        lived = time.monotonic() - self.started
        self.failures = 1 if lived > STEADY_SECONDS else self.failures + 1
        backoff = min(FIRST_BACKOFF_SECONDS * 2 ** (self.failures - 1), LONGEST_BACKOFF_SECONDS)
        self.restart_at = time.monotonic() + backoff
        self.process = None
        words = "".join(f"\n             {line}" for line in self.last_words)
        say(f"tollgate: {self.name} ended with status {process.returncode} after {lived:.0f} s; starting it again in {backoff:.0f} s. Its last words:{words}")

    def stop(self) -> None:
        """Ask the process to end, then make it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            say(f"tollgate: {self.name} did not stop within {STOP_SECONDS:.0f} s and is killed")
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Runs children until `stop` is set; they are stopped last to first."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._children: list[Child] = []

    def start(self, child: Child) -> None:
        """Start a child and keep it alive from now on."""
        self._children.append(child)
        child.start()

    def watch(self) -> None:
        """Restart what dies, until told to stop; then stop all."""
        while not self._stop.wait(0.2):
            for child in self._children:
                self.step(child)
        self.stop_all()

    def step(self, child: Child) -> None:
        """Look after one child once."""
        if child.process is not None and child.process.poll() is not None:
            child.note_death()
        if child.process is None and time.monotonic() >= child.restart_at:
            child.start()

    def stop_all(self) -> None:
        """Stop every child, the last started first."""
        for child in reversed(self._children):
            child.stop()
