"""Where spans are made: the code names what it does, and nothing happens unless tracing is on.

Nothing of OpenTelemetry is imported here: `monitoring/tracing/export.py` does that, and only when
`start` is called. Until then a span is an object that exists already.

Attributes are names that staff chose, templates of ours, numbers and words of closed sets; never a
parameter, a body, an address that a caller sent, or the message of an error.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Protocol, TypeVar

T = TypeVar("T")
Value = str | int | float | bool


class Kind(Enum):
    """Which side of a call a span is."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


class Span(Protocol):
    """What goes on, until its block ends."""

    def rename(self, name: str) -> None:
        """Name it by what is known only now."""

    def note(self, attributes: Mapping[str, Value], *, failed: bool = False) -> None:
        """Add attributes; `failed` makes it one that ended in an error."""


class Tracer(Protocol):
    """What records spans (`monitoring/tracing/export.py`)."""

    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        *,
        caller: Mapping[str, str] | None,
        only_within: bool,
    ) -> AbstractContextManager[Span]:
        """A span over a block, as `span` describes it."""

    def trace_id(self) -> str:
        """The present trace; empty without one."""

    def bound(self, function: Callable[[], T]) -> Callable[[], T]:
        """The function, within the present span wherever it runs."""


class _NoSpan:
    def rename(self, name: str) -> None:
        pass

    def note(self, attributes: Mapping[str, Value], *, failed: bool = False) -> None:
        pass


NO_SPAN: AbstractContextManager[Span] = nullcontext(_NoSpan())
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Record spans with this tracer from now on; with None record none."""
    global _tracer
    _tracer = tracer


def is_active() -> bool:
    """Whether spans are recorded."""
    return _tracer is not None


def span(
    name: str,
    attributes: Mapping[str, Value] | None = None,
    *,
    kind: Kind = Kind.INTERNAL,
    caller: Mapping[str, str] | None = None,
    only_within: bool = False,
) -> AbstractContextManager[Span]:
    """A span over the block; what the block raises makes it failed, and passes.

    `caller` are the headers of a request: its span begins a trace, or continues the one that they
    name. With `only_within` there is no span outside of another.
    """
    if _tracer is None:
        return NO_SPAN
    return _tracer.span(name, kind, attributes or {}, caller=caller, only_within=only_within)


def trace_id() -> str:
    """The present trace as 32 hexadecimal digits; empty without one."""
    return _tracer.trace_id() if _tracer else ""


def bound(function: Callable[[], T]) -> Callable[[], T]:
    """The function, whose spans belong to the present one in whichever thread it runs."""
    return _tracer.bound(function) if _tracer else function
