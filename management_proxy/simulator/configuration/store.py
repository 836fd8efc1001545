"""The live configuration, its file, and the reload between them that loses writes (contract 6.5-3).

A write changes memory, saves the whole memory to the file, responds, and schedules a reload. The
reload reads the file at once and *replaces* memory by what it read only after a window. A write
that lands inside the window gets a 200 and is saved, starts no reload of its own, vanishes from
memory when the window ends, and is erased from the file by the next write. The window and the time
of a write grow with the configuration, as measured: a pause of twice what the write took is always
enough.

Reloads are applied when `settle` is called, so the clock alone decides and tests need no
waiting.
"""

import copy
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from management_proxy.simulator.clock import Clock, Sleep
from management_proxy.simulator.configuration import yaml_text
from management_proxy.simulator.http.access import hashed
from management_proxy.simulator.http.wire import go_json

# Measured: 3 ms for 4 kB, 40 ms for 85 kB.
SECONDS_PER_BYTE = 0.45e-6
SHORTEST_WRITE_SECONDS = 0.0015
# The window as a multiple of what the write took; twice was always enough on the real server.
WINDOW_FACTORS = (0.4, 1.9)
# A file that another process wrote is noticed after the watcher's debounce.
WATCHER_SECONDS = 0.15


@dataclass
class Reload:
    """What a reload has read, and when it replaces memory by it."""

    values: dict[str, Any]
    due_at: float


class ConfigStore:
    """Memory, file, and the pending reload."""

    def __init__(
        self, text: str, clock: Clock, sleep: Sleep, *, seed: int = 0, window: float | None = None
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._random = random.Random(seed)
        self.window = window
        self.lock = threading.RLock()
        self.memory = yaml_text.parse(text)
        self._hash_secret()
        self.applied = copy.deepcopy(self.memory)
        self._base_text = text
        self._saved = copy.deepcopy(self.memory)
        self._pending: Reload | None = None
        self.on_applied: Callable[[dict[str, Any]], None] = lambda _values: None

    def settle(self) -> None:
        """Apply a reload whose window is over."""
        pending = self._pending
        if pending is None or self._clock() < pending.due_at:
            return
        with self.lock:
            if self._pending is pending:
                self._pending = None
                self._apply(pending.values)

    @property
    def due_at(self) -> float | None:
        pending = self._pending
        return pending.due_at if pending else None

    def _apply(self, values: dict[str, Any]) -> None:
        self.memory = values
        self.applied = copy.deepcopy(values)
        self.on_applied(self.applied)

    def write(self, change: Callable[[dict[str, Any]], None], *, synchronous: bool = False) -> None:
        """Change memory, save it and schedule the reload; a change that raises leaves everything as
        it was."""
        with self.lock:
            self.settle()
            draft = copy.deepcopy(self.memory)
            change(draft)
            self.memory = draft
            self._saved = copy.deepcopy(draft)
            took = self.write_seconds()
            if synchronous:
                self._pending = None
                self._apply(copy.deepcopy(draft))
            else:
                self._schedule(took + self._window_seconds(took))
        self._sleep(took)

    def _schedule(self, seconds: float) -> None:
        # A reload under way takes no notice of a change that comes meanwhile; that is how writes
        # are lost.
        if self._pending is None:
            self._pending = Reload(copy.deepcopy(self._saved), self._clock() + seconds)

    def write_seconds(self) -> float:
        if self.window is not None:
            return 0.0
        return max(SHORTEST_WRITE_SECONDS, len(go_json(self.memory)) * SECONDS_PER_BYTE)

    def _window_seconds(self, took: float) -> float:
        if self.window is not None:
            return self.window
        return took * self._random.uniform(*WINDOW_FACTORS)

    @property
    def text(self) -> str:
        """Return the file's text as the last save left it."""
        with self.lock:
            self._base_text = yaml_text.rewrite(self._base_text, self._saved)
            return self._base_text

    def replace(self, text: str) -> None:
        """Take a whole new file, as `PUT /config.yaml` does; an empty one is not noticed by the
        watcher."""
        values = yaml_text.parse(text)
        with self.lock:
            self.memory = values
            self._hash_secret()
            self._base_text = text
            self._saved = copy.deepcopy(values)
            if text.strip():
                self._pending = Reload(copy.deepcopy(values), self._clock() + WATCHER_SECONDS)

    def force(self, settings: dict[str, Any]) -> None:
        """Set values in memory, file and runtime at once; no client did it, so nothing is reloaded
        or lost."""
        with self.lock:
            pending = [self._pending.values] if self._pending else []
            for values in (self.memory, self._saved, *pending):
                values.update(copy.deepcopy(settings))
            self.applied = copy.deepcopy(self.memory)
            self.on_applied(self.applied)

    def restart(self) -> None:
        """Forget memory and read the file, as a new process does."""
        with self.lock:
            self._pending = None
            self._apply(copy.deepcopy(self._saved))

    def _hash_secret(self) -> None:
        management = self.memory["remote-management"]
        management["secret-key"] = hashed(str(management.get("secret-key") or ""))
