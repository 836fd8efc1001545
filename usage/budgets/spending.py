"""What scopes used in several intervals at once, exactly, as the Usage page counts it.

    intervals, which may overlap --cut at every edge--> pieces that follow one another
        --one query of history for all--> ledgers of the pieces --added--> a ledger of each interval

However many budgets there are, it takes one query by client key and, if any budget is of a
provider, one by provider.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from providers.models import ClientKey
from usage.history.dimensions import Dimension
from usage.history.measures import paid
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import Row
from usage.history.windows import Interval
from usage.models import COST_KINDS, Budget

Of = Budget.Scope
Party = tuple[str, int | str]
EVERYTHING: Party = (Of.ALL, "")
_ALL = Scope(None, sees_everything=True)
_MEASURES = ("attempts", "requests", "total_tokens", *COST_KINDS, "priced")


@dataclass(slots=True)
class Used:
    """Sums of a scope; `dollars` are nano-dollars of the attempts that have a price."""

    dollars: int = 0
    tokens: int = 0
    requests: int = 0
    attempts: int = 0
    unpriced: int = 0

    def add(self, other: "Used") -> None:
        """Add other sums to these."""
        self.dollars += other.dollars
        self.tokens += other.tokens
        self.requests += other.requests
        self.attempts += other.attempts
        self.unpriced += other.unpriced

    def amount(self, unit: str) -> int:
        """What counts for a budget of this unit."""
        amount: int = getattr(self, unit)
        return amount


NOTHING = Used()
Ledger = dict[Party, Used]


@dataclass(frozen=True)
class Keys:
    """Client keys: whose they are, and which they replaced."""

    owners: dict[int, int | None]
    replaced: dict[int, int]

    @classmethod
    def read(cls) -> "Keys":
        """All of them."""
        rows = list(ClientKey.objects.values_list("pk", "owner_id", "replaces_id").order_by())
        return cls({pk: owner for pk, owner, _ in rows}, {pk: old for pk, _, old in rows if old})

    def lineage(self, key: int) -> list[int]:
        """A key and all that it replaced, for whose budgets it counts as well: rotating a key is
        no way out of its budget."""
        found = [key]
        while (older := self.replaced.get(found[-1])) and older not in found:
            found.append(older)
        return found

    def of(self, budget: Budget) -> list[int]:
        """The keys whose usage a budget of a key or user counts."""
        if budget.scope == Of.KEY:
            return [key for key in self.owners if budget.client_key_id in self.lineage(key)]
        return [key for key, owner in self.owners.items() if owner and owner == budget.user_id]


def party_of(budget: Budget) -> Party:
    """Whose usage a budget counts."""
    parties: dict[str, int | str | None] = {
        Of.KEY: budget.client_key_id,
        Of.USER: budget.user_id,
        Of.PROVIDER: budget.provider,
        Of.UPSTREAM: budget.upstream.name if budget.upstream else "",
    }
    return budget.scope, parties.get(budget.scope) or ""


def ledgers(
    intervals: Iterable[Interval], keys: Keys, scopes: Collection[str]
) -> dict[Interval, Ledger]:
    """What each party used in each interval."""
    wanted = set(intervals)
    pieces = _pieces(wanted)
    of_pieces: list[Ledger] = [defaultdict(Used) for _ in pieces]
    if set(scopes) - {Of.PROVIDER}:
        for row in _read(pieces, Dimension.UPSTREAM, Dimension.KEY):
            _enter(of_pieces[row["number"]], row, _parties(row, keys))
    if Of.PROVIDER in scopes:
        for row in _read(pieces, Dimension.PROVIDER):
            _enter(of_pieces[row["number"]], row, [(Of.PROVIDER, row["group_1"])])
    return {interval: _total(interval, pieces, of_pieces) for interval in wanted}


def _pieces(intervals: Iterable[Interval]) -> list[Interval]:
    known = list(intervals)
    edges = sorted({edge for one in known for edge in (one.start, one.end)})
    pieces = (Interval(start, end) for start, end in pairwise(edges))
    return [piece for piece in pieces if any(_lies_in(piece, one) for one in known)]


def _lies_in(piece: Interval, interval: Interval) -> bool:
    return interval.start <= piece.start and piece.end <= interval.end


def _read(pieces: list[Interval], *groups: Dimension) -> list[Row]:
    return Query(pieces, _ALL, groups=groups).sums(_MEASURES) if pieces else []


def _parties(row: Row, keys: Keys) -> list[Party]:
    parties: list[Party] = [EVERYTHING, (Of.UPSTREAM, row["group_1"])]
    if row["group_2"]:
        key = int(row["group_2"])
        parties += [(Of.KEY, older) for older in keys.lineage(key)]
        if owner := keys.owners.get(key):
            parties.append((Of.USER, owner))
    return parties


def _enter(ledger: Ledger, row: Row, parties: list[Party]) -> None:
    used = Used(
        paid(row) or 0,
        row["total_tokens"] or 0,
        row["requests"],
        row["attempts"],
        row["attempts"] - row["priced"],
    )
    for party in parties:
        ledger[party].add(used)


def _total(interval: Interval, pieces: list[Interval], of_pieces: list[Ledger]) -> Ledger:
    total: Ledger = defaultdict(Used)
    for piece, ledger in zip(pieces, of_pieces, strict=True):
        if _lies_in(piece, interval):
            for party, used in ledger.items():
                total[party].add(used)
    return total
