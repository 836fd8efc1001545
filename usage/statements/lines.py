"""Lines of a statement: sums of one client key or user, from and to JSON; pure.

Everything is a whole number, so that lines add up to the total and to what the page Usage shows.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

_UNKEYED = ("user", "key")


@dataclass(frozen=True)
class Line:
    """What one client key used, or all of a user's together with an empty `key`. Costs are
    nano-dollars, None where nothing has a price."""

    user: str
    key: str
    requests: int = 0
    attempts: int = 0
    unpriced_attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_cost: int | None = None
    cache_read_cost: int | None = None
    cache_write_cost: int | None = None
    output_cost: int | None = None
    cost: int | None = None
    list_cost: int | None = None

    @property
    def body(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)


SUMS = tuple(field.name for field in fields(Line) if field.name not in _UNKEYED)


def total(lines: Iterable[Line], user: str = "") -> Line:
    """The sum of lines, under the name of a user."""
    lines = list(lines)
    return Line(user, "", **{name: _sum(lines, name) for name in SUMS})


def _sum(lines: list[Line], name: str) -> Any:
    known = [value for line in lines if (value := getattr(line, name)) is not None]
    return sum(known) if known or not name.endswith("cost") else None


def by_user(lines: Iterable[Line]) -> list[Line]:
    """One line for each user, the most expensive first."""
    users: dict[str, list[Line]] = {}
    for line in lines:
        users.setdefault(line.user, []).append(line)
    return ranked(total(of_user, user) for user, of_user in users.items())


def ranked(lines: Iterable[Line]) -> list[Line]:
    """The most expensive first, those without a price last."""
    return sorted(lines, key=lambda line: (-(line.cost or 0), -line.total_tokens, line.user))
