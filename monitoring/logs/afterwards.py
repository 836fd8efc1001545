"""What a request leaves until its caller has the response: its lines and its figures.

    begin --> afterwards, afterwards, ... --response sent and closed (`request_finished`)--> done

Whatever measures does so at once; writing down what was measured waits, so that no caller does.
Outside of a request, and in one whose response is closed, it is written down at once. A process
that is killed in between loses the lines and figures of the one request that each thread had
just responded to.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.core.signals import request_finished

Act = Callable[[], None]


class _Left:
    def __init__(self) -> None:
        self.acts: list[Act] | None = []

    def do(self) -> None:
        acts, self.acts = self.acts or [], None
        for act in acts:
            act()


_left: ContextVar[_Left | None] = ContextVar("afterwards", default=None)


def begin() -> None:
    """A request begins; what the one before left without ever being closed is done."""
    _done()
    _left.set(_Left())


def afterwards(act: Act) -> None:
    """Do this once the caller has the response. What logs is `bound` to the trace that is over by
    then (monitoring/tracing/spans.py)."""
    left = _left.get()
    if left is None or left.acts is None:
        act()
    else:
        left.acts.append(act)


def _done(**kwargs: Any) -> None:
    if left := _left.get():
        left.do()


request_finished.connect(_done, dispatch_uid="monitoring.logs.afterwards")
