"""What a gate run has measured so far: calls, samples, incidents, figures, and classes of errors.

Instants are seconds since the run began. Any thread may add.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """One request of the load: when it began, what it was, how it ended and how long it took."""

    at: float
    kind: str
    status: int
    seconds: float

    @property
    def has_failed(self) -> bool:
        """Whether it ended otherwise than with success or a redirect."""
        return not 200 <= self.status < 400


@dataclass(frozen=True)
class Figure:
    """One measured value; with `rounds` the value is their median, and they bound it."""

    value: float
    rounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """When a scenario ran, and why it broke off if it did."""

    scenario: str
    began: float
    ended: float
    error: str = ""


@dataclass
class Record:
    """Everything of one run."""

    started: float = field(default_factory=time.monotonic)
    calls: list[Call] = field(default_factory=list)
    samples: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    incidents: list[tuple[float, str]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    documents: dict[str, Any] = field(default_factory=dict)
    scenario: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def now(self) -> float:
        return time.monotonic() - self.started

    def call(self, kind: str, status: int, seconds: float, code: str = "") -> None:
        """A call that has just ended; one that failed belongs to a class of errors."""
        with self._lock:
            call = Call(self.now - seconds, kind, status, seconds)
            self.calls.append(call)
            if call.has_failed:
                self.errors[f"{self.scenario}: {kind} {status} {code}".rstrip()] += 1

    def sample(self, series: str, value: float) -> None:
        with self._lock:
            self.samples.setdefault(series, []).append((self.now, value))

    def incident(self, text: str) -> None:
        """Something that was done to the stack, or that happened to it."""
        self.incidents.append((self.now, text))
        print(f"{self.now:7.1f} s  {text}", flush=True)

    def figure(self, name: str, value: float) -> None:
        self.figures[name] = Figure(value)
        print(f"{self.now:7.1f} s  {name} = {value:.4g}", flush=True)

    def rounds(self, name: str, values: Sequence[float]) -> None:
        """A figure that was measured so many times."""
        middle = sorted(values)[len(values) // 2]
        self.figures[name] = Figure(middle, tuple(values))
        shown = ", ".join(f"{value:.3g}" for value in values)
        print(f"{self.now:7.1f} s  {name} = {middle:.4g} ({shown})", flush=True)

    @contextmanager
    def stretch(self, scenario: str) -> Iterator[None]:
        """A scenario runs; what it raises ends it alone."""
        self.scenario, began, error = scenario, self.now, ""
        print(f"{began:7.1f} s  {scenario} ...", flush=True)
        try:
            yield
        except Exception as problem:  # whatever it is, the other scenarios still count
            error = f"{type(problem).__name__}: {problem}"[:1000]
            self.incident(f"{scenario} broke off: {error}")
        finally:
            self.stretches.append(Stretch(scenario, began, self.now, error))
