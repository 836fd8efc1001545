"""Comparing what the upstream counted with what is stored; pure (contract 5.1, 8.9, 2.6, 2.9, 12).

A counter goes up when an attempt ends, its event is queued at the same moment, give or take what a
slow client or the upstream's own threads delay. So per account, over an interval that is long past,

    counted = stored + missing      give or take a few at both edges.

The edges cancel out: a surplus of one interval belongs to the shortfall of the one before or after,
and only what neither explains is missing. Known differences that are no loss:

    event, not counted      the client left (failure class `cancelled`); a second event of one
                            attempt for a generated image
    counted, no event       token counting, a stream cut before its usage, a token refresh that
                            failed

The first kind is left out of `stored`. The second cannot be told from a lost event one by one. It
never touches all accounts alike, and only clients of the Claude and Gemini interfaces count tokens;
so where nothing else explains what is missing, accounts that served other clients decide
(`looks_stolen`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

# Without any loss, counters and events of a real server differ by up to 0.5 % (contract 12), and by
# a few at the edges of short intervals; a second consumer takes a large share. Nobody is accused on
# less than this.
STOLEN_SHARE = 0.05
FEWEST_STOLEN = 5
# So many attempts without a single event are no accident.
FEWEST_COUNTED = 10


@dataclass(frozen=True)
class Line:
    """One account over one interval. `may_count_tokens` is how many stored events came by an
    interface that can."""

    counted_success: int = 0
    counted_failed: int = 0
    stored_success: int = 0
    stored_failed: int = 0
    missing: int = 0
    may_count_tokens: int = 0

    def __add__(self, other: "Line") -> "Line":
        return Line(
            *(mine + theirs for mine, theirs in zip(self.values(), other.values(), strict=True))
        )

    def values(self) -> list[int]:
        """The fields in order, as JSON keeps them."""
        return [
            self.counted_success,
            self.counted_failed,
            self.stored_success,
            self.stored_failed,
            self.missing,
            self.may_count_tokens,
        ]

    def split(self, count: int) -> tuple["Line", "Line"]:
        """So many of its stored events, and the others."""
        success, tokens = min(self.stored_success, count), min(self.may_count_tokens, count)
        part = Line(stored_success=success, stored_failed=count - success, may_count_tokens=tokens)
        return part, Line(
            stored_success=self.stored_success - success,
            stored_failed=self.stored_failed - part.stored_failed,
            may_count_tokens=self.may_count_tokens - tokens,
        )

    @property
    def counted(self) -> int:
        return self.counted_success + self.counted_failed

    @property
    def stored(self) -> int:
        return self.stored_success + self.stored_failed

    @property
    def surely_missing(self) -> int:
        """At least so many: attempts that failed before any were sent, and streams that failed
        midway, explain the rest."""
        return max(min(self.missing, self.counted_success - self.stored_success), 0)


Lines = dict[str, Line]


def as_json(lines: Mapping[str, Line]) -> dict[str, list[int]]:
    """Lines as a JSON column keeps them."""
    return {account: line.values() for account, line in lines.items()}


def from_json(value: Mapping[str, Any]) -> Lines:
    """Lines from a JSON column."""
    return {account: Line(*numbers) for account, numbers in value.items()}


def added(*several: Mapping[str, Line]) -> Lines:
    """Lines added up by account."""
    total: Lines = {}
    for lines in several:
        for account, line in lines.items():
            total[account] = total.get(account, Line()) + line
    return total


@dataclass(frozen=True)
class Counted:
    """What counters went up by between two samples; `restarted` if all that could fall fell."""

    lines: Lines
    reset_accounts: list[str]
    restarted: bool


def counted_between(before: Mapping[str, list[int]], now: Mapping[str, list[int]]) -> Counted:
    """The difference of two samples of counters `account -> [successes, failures]`."""
    fell = [
        a
        for a, (success, failed) in now.items()
        if a in before and (success < before[a][0] or failed < before[a][1])
    ]
    stood = [a for a in now if a in before and a not in fell and sum(before[a]) > 0]
    lines = {}
    for account, (success, failed) in now.items():
        since = before.get(account, [0, 0]) if account not in fell else [0, 0]
        if success - since[0] or failed - since[1]:
            lines[account] = Line(
                counted_success=success - since[0], counted_failed=failed - since[1]
            )
    return Counted(lines, sorted(fell), bool(fell) and not stood)


# So many events of an account may be ahead of its counter at an instant, or this share of an
# interval's, whichever is more.
LARGEST_LEAD = 5
LARGEST_LEAD_SHARE = 0.1


@dataclass(frozen=True)
class Reconciled:
    """An interval's lines with what is missing; what the one before had too many of; and the
    surplus left for the next."""

    lines: Lines
    given_back: dict[str, int]
    carried: dict[str, int]


def reconcile(
    counted: Mapping[str, Line],
    stored: Mapping[str, Line],
    before: Mapping[str, Line],
    carried: Mapping[str, int],
    reset: Iterable[str],
) -> Reconciled:
    """Match an interval's counts; `before` is the interval before, `carried` the surplus that it
    left.

    A surplus is bounded, and forgotten once an account is idle, so that events which are never
    counted hide no later loss.
    """
    lines, given_back, surplus = added(counted, stored), {}, {}
    reset = set(reset)
    for account, line in lines.items():
        balance = line.counted - line.stored - (0 if account in reset else carried.get(account, 0))
        if balance >= 0:
            lines[account] = replace(line, missing=balance)
        elif account not in reset:
            lacked = min(before[account].missing, -balance) if account in before else 0
            if lacked:
                given_back[account] = lacked
            if left := min(
                -balance - lacked, max(LARGEST_LEAD, int(line.stored * LARGEST_LEAD_SHARE))
            ):
                surplus[account] = left
    return Reconciled(lines, given_back, surplus)


def looks_stolen(now: Mapping[str, Line], recently: Mapping[str, Line]) -> bool:
    """Whether what is missing was taken by another consumer, by this interval alone or with those
    before it."""
    return any(_looks_stolen(lines.values()) for lines in (now, added(now, recently)))


def _looks_stolen(lines: Iterable[Line]) -> bool:
    lines = list(lines)
    if sum(line.stored for line in lines) == 0:
        return sum(line.counted for line in lines) >= FEWEST_COUNTED
    usable = [line for line in lines if line.stored and not line.may_count_tokens]
    missing = sum(line.surely_missing for line in usable)
    return missing >= FEWEST_STOLEN and missing > STOLEN_SHARE * sum(
        line.counted for line in usable
    )
