"""Signals: what rules can watch. Apps register theirs, since this app knows none of them.

A signal is measured for one query (window, filters, the instant at which the window ends) and
returns one reading for each subject, such as an upstream. A reading without a value is one that
there is too little to judge by: it breaches nothing. A signal that cannot be measured raises, and
the rule is reported as one that cannot be evaluated.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

T = TypeVar("T")
# A text, or one that is translated when it is read.
Words: TypeAlias = "str | _StrPromise"
Choices = Callable[[], Iterable[tuple[str, str]]]


class Unit(Enum):
    """In what a signal is measured; durations are seconds."""

    SECONDS = "s"
    PERCENT = "%"
    COUNT = ""
    TOKENS = "tokens"


@dataclass(frozen=True)
class Measurement:
    """What is to be measured: `[end - window, end)`, restricted by filters.

    The measurements of one evaluation share what `once` reads.
    """

    end: datetime
    window: timedelta = timedelta(minutes=10)
    filters: Mapping[str, str] = field(default_factory=dict)
    least_volume: int = 0
    shared: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, key: Hashable, read: Callable[[], T]) -> T:
        """What `read` returns, read at most once in an evaluation."""
        if key not in self.shared:
            self.shared[key] = read()
        found: T = self.shared[key]
        return found

    @property
    def start(self) -> datetime:
        """The first instant of the window."""
        return self.end - self.window


@dataclass(frozen=True)
class Reading:
    """The value of one subject; `detail` is a sentence about it, `url` the page that shows it.

    A signal writes the detail in the active language; `details` has it by other languages.
    """

    value: float | None
    subject: str = ""
    detail: str = ""
    url: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Filter:
    """One restriction that a signal takes; without choices any text.

    `suggestions` are values with their names, of which one can be chosen by its name; the newest or
    the first, if there are very many. `named` is the name of any value.
    """

    name: str
    label: Words
    choices: Choices | None = None
    suggestions: Choices | None = None
    named: Callable[[str], str] = str


def one_of(name: str, label: Words, choices: Choices) -> Filter:
    """A filter of values that are shown by the names that its choices have."""
    return Filter(name, label, choices, named=lambda value: dict(choices()).get(value, value))


Measure = Callable[[Measurement], Iterable[Reading]]
# Readings at each instant of a stretch, ascending: `(start, measurement)`.
Past = Callable[[datetime, Measurement], Iterable[tuple[datetime, list[Reading]]]]


@dataclass(frozen=True)
class Signal:
    """Something that rules can watch.

    `label` continues "...: at least 5 %"; `fix` is the step to take. Where it `is_state`, the value
    is 1 while what the label states is so. `check` refuses, with ValueError, filters that their
    choices do not. Without `past` a rule cannot be tried on days that are over.
    """

    name: str
    label: Words
    unit: Unit
    measure: Measure
    fix: Words
    filters: tuple[Filter, ...] = ()
    has_window: bool = False
    has_volume: bool = False
    is_state: bool = False
    check: Callable[[Mapping[str, str]], None] = lambda filters: None
    past: Past | None = None
    url_name: str = "monitoring:alerts"

    def validate(self, filters: Mapping[str, str]) -> None:
        """Raise ValueError unless the filters are ones that it takes."""
        known = {known.name: known for known in self.filters}
        if unknown := filters.keys() - known.keys():
            raise ValueError(f"unknown filter {min(unknown)}")
        for name, value in filters.items():
            choices = known[name].choices
            values = [value for value, _ in choices()] if choices else [value]
            if value not in values:
                raise ValueError(f"{name}: expected one of {', '.join(values) or 'none'}")
        self.check(filters)


class UnknownSignal(Exception):
    """No app has registered a signal of this name."""


_signals: dict[str, Signal] = {}
_surroundings: list[Callable[[], AbstractContextManager[None]]] = []


def register(*signals: Signal) -> None:
    """Add signals, or replace those of the same names."""
    _signals.update({signal.name: signal for signal in signals})


def signals() -> list[Signal]:
    """All registered signals, by label."""
    return sorted(_signals.values(), key=lambda signal: str(signal.label))


def signal_named(name: str) -> Signal:
    """The signal; raises UnknownSignal."""
    try:
        return _signals[name]
    except KeyError:
        raise UnknownSignal(f"there is no signal “{name}”") from None


def measure_within(surroundings: Callable[[], AbstractContextManager[None]]) -> None:
    """Have all rules of an evaluation measured within such a context, for instance one snapshot of
    the database. Nothing may be written there."""
    _surroundings.append(surroundings)


@contextmanager
def measuring() -> Iterator[None]:
    """The block in which the rules of one evaluation are measured."""
    with ExitStack() as entered:
        for surroundings in _surroundings:
            entered.enter_context(surroundings())
        yield
