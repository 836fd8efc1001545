"""Named places at which a test may end or stop the process, to prove that nothing is lost there.

Nothing but `arm` makes them do anything, and only tests call it (tests/crashing.py, in processes of
their own): no setting, environment variable or request can reach it. Unarmed, a failpoint costs one
comparison.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_reached: Callable[[str], None] | None = None


def arm(reached: Callable[[str], None]) -> None:
    """Call `reached` with the name of every failpoint from now on; for tests only."""
    global _reached
    _reached = reached


def failpoint(name: str) -> None:
    """A place where a test may intervene."""
    if _reached is not None:
        _reached(name)


@contextmanager
def around(step: str) -> Iterator[None]:
    """The failpoints `before <step>` and, unless it fails, `after <step>`."""
    failpoint(f"before {step}")
    yield
    failpoint(f"after {step}")
