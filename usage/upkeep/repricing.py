"""New costs for the stored events of a stretch of time, and the rollups with them, in one
transaction.

    events --distinct traffic, tier, moment--> price book --> terms (a temporary table)
    events + terms --the formula of the ingest--> changes --> events, and by how much --> rollups

Invariants
* Only one stretch is worked on at a time, of all processes: an advisory lock, taken before anything
  is read, so that no difference is added twice.
* Rollups are locked in the order in which the ingest writes them, and only while the differences
  are added; it waits that long, and neither sees half of the other. Readers never wait.
* An event that arrives meanwhile is not touched: it was priced when it was stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from providers.models import ClientKey
from usage.costs.own_prices import Traffic
from usage.costs.price_book import PriceBook
from usage.costs.rates import COST_COLUMNS, VERSIONS_SQL, cost_columns_sql, priceable_sql
from usage.rollups.cost_changes import add_changes_sql, changes_sql
from usage.rollups.tables import GRANULARITIES, calendar_zone, cost_sql

# Any number serves; it only must be the same everywhere.
_LOCK = 7_203_412
_COSTS = cost_columns_sql("e", "v")
_NAMES = ("price_version_id", *COST_COLUMNS)
_HELD = ", ".join(f"e.{name} AS old_{name}" for name in _NAMES)
_PRICED = ", ".join(f"{sql} AS {name}" for name, sql in _COSTS.items())
_OLD = ", ".join(f"new.old_{name}" for name in _NAMES)
_NEW = ", ".join(f"new.{name}" for name in _NAMES)
_TIER = "coalesce(e.details ->> 'response_service_tier', '')"
_MOMENT = 'width_bucket(e."timestamp", %(changes)s::timestamptz[])'
_INPUT = "e.uncached_input_tokens + e.cache_read_tokens + e.cache_write_tokens"
_WHERE = """e."timestamp" >= %(start)s AND e."timestamp" < %(end)s
    AND (%(models)s::text[] IS NULL OR s.model = ANY(%(models)s))
    AND (NOT %(missing)s OR e.price_version_id IS NULL)"""
_TERMS = (
    "series_id",
    "client_key_id",
    "credential_id",
    "tier",
    "moment",
    "above",
    "below",
    "version",
)
_CREATE_TERMS = (
    "CREATE TEMPORARY TABLE usage_terms (series_id bigint, client_key_id bigint, credential_id"
    " bigint, tier text, moment integer, above bigint, below bigint, version integer) ON COMMIT"
    " DROP"
)
_REPRICE = f"""
/* usage.upkeep.repricing */
CREATE TEMPORARY TABLE usage_repriced ON COMMIT DROP AS
WITH new AS MATERIALIZED (
    SELECT e.id, e."timestamp", e.series_id, e.client_key_id, e.credential_id, {_HELD},
        v.version_id AS price_version_id, {_PRICED}
    FROM usage_event AS e JOIN usage_usageseries AS s ON s.id = e.series_id
    LEFT JOIN usage_terms AS t
        ON t.series_id = e.series_id AND t.tier = {_TIER} AND t.moment = {_MOMENT}
        AND t.client_key_id IN (-1, coalesce(e.client_key_id, 0))
        AND t.credential_id IN (-1, coalesce(e.credential_id, 0))
        AND ({_INPUT} > t.above OR t.above = 0) AND {_INPUT} <= t.below
    LEFT JOIN {VERSIONS_SQL} AS v ON v.version_id = t.version AND {priceable_sql("e")}
    WHERE {_WHERE}
)
SELECT c.sign, new.id, new."timestamp", new.series_id, new.client_key_id, new.credential_id,
    {", ".join(f"c.{name}" for name in _NAMES)}
FROM new CROSS JOIN LATERAL (VALUES (-1, {_OLD}), (1, {_NEW}))
    AS c (sign, {", ".join(_NAMES)})
WHERE ({_OLD}) IS DISTINCT FROM ({_NEW})
"""
_UPDATE = f"""
UPDATE usage_event AS e SET {", ".join(f"{name} = r.{name}" for name in _NAMES)}
FROM usage_repriced AS r
WHERE r.sign = 1 AND e.id = r.id AND e."timestamp" = r."timestamp"
    AND e."timestamp" >= %(start)s AND e."timestamp" < %(end)s
"""
# Pages are written for the first time since a checkpoint nearly all: compressing them in the log is
# a third of the work. Only a superuser may leave it, as the embedded database's user is.
_LOG_AS_IT_IS = (
    "SELECT set_config('wal_compression', 'off', true) WHERE current_setting('is_superuser')::bool"
)
# Beyond every count that is priced.
_ENDLESS = 10**17


@dataclass(frozen=True)
class Stretch:
    """The events that are priced anew: from `start` before `end`, of these models or of all, all of
    them or only those without a price."""

    start: datetime
    end: datetime
    models: Sequence[str] = ()
    only_missing: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """For the SQL above."""
        return {
            "start": self.start,
            "end": self.end,
            "models": list(self.models) or None,
            "missing": self.only_missing,
        }


@dataclass
class Change:
    """What becomes of the cost of some events: before and after in nano-dollars, and how many."""

    before: int = 0
    after: int = 0
    events: int = 0

    def add(self, other: "Change") -> None:
        """Take up what becomes of others."""
        self.before += other.before
        self.after += other.after
        self.events += other.events


@dataclass
class Changes:
    """What changes in a stretch, by model and by client key (0 for none), and how many events were
    looked at."""

    events: int = 0
    by_model: dict[str, Change] = field(default_factory=dict)
    by_key: dict[int, Change] = field(default_factory=dict)

    @property
    def total(self) -> Change:
        """All of it."""
        total = Change()
        for change in self.by_model.values():
            total.add(change)
        return total


def lock_stored_events(cursor: CursorWrapper) -> None:
    """Wait until no other process changes stored events, and keep them from it until the
    transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def reprice(book: PriceBook, stretch: Stretch, *, apply: bool) -> Changes:
    """What the costs of a stretch become by a book; stored if wanted. Joins a transaction that is
    open. Raises django.db.Error, with nothing changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_stored_events(cursor)
        changes = book.changes_between(stretch.start, stretch.end)
        parameters = {**stretch.parameters, "changes": changes, "zone": calendar_zone()}
        events = _write_terms(book, parameters)
        cursor.execute(_REPRICE, parameters)
        found = _read_changes(events)
        if apply and found.by_model:
            cursor.execute(_LOG_AS_IT_IS)
            cursor.execute(_UPDATE, parameters)
            _change_rollups(parameters)
        cursor.execute("DROP TABLE usage_terms, usage_repriced")
    return found


def _write_terms(book: PriceBook, parameters: dict[str, Any]) -> int:
    """Find the price of all traffic of the stretch; how many events it has."""
    parties = ("e.client_key_id", "e.credential_id") if book.own_prices.by_party else ("-1", "-1")
    instants = [parameters["start"], *parameters["changes"]]
    owners = _owners(book)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT e.series_id, {", ".join(parties)}, {_TIER}, {_MOMENT},
                min(s.provider), min(s.model), count(*)
            FROM usage_event AS e JOIN usage_usageseries AS s ON s.id = e.series_id
            WHERE {_WHERE} GROUP BY 1, 2, 3, 4, 5
            """,
            parameters,
        )
        traffic = cursor.fetchall()
        rows = [
            (series, key or 0, credential or 0, tier, moment, *bounds)
            for series, key, credential, tier, moment, provider, model, _ in traffic
            for bounds in _bounds(
                book,
                Traffic(provider, model, credential, key, owners.get(key)),
                instants[moment],
                tier,
            )
        ]
        cursor.execute(_CREATE_TERMS)
        with cursor.copy(f"COPY usage_terms ({', '.join(_TERMS)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("ANALYZE usage_terms")
    return sum(row[-1] for row in traffic)


def _bounds(
    book: PriceBook, traffic: Traffic, at: datetime, tier: str
) -> list[tuple[int, int, int]]:
    """Each version, and the counts of input tokens above and up to which it holds."""
    prices = book.prices(traffic, at, tier)
    ends = [_ENDLESS, *(price.above for price in prices)]
    return [(price.above, below, price.version) for price, below in zip(prices, ends, strict=False)]


def _owners(book: PriceBook) -> dict[int | None, int]:
    if not book.own_prices.by_user:
        return {}
    return dict(ClientKey.objects.exclude(owner=None).values_list("pk", "owner_id"))


def _read_changes(events: int) -> Changes:
    found = Changes(events)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.model, coalesce(r.client_key_id, 0),
                coalesce(sum({cost_sql("r")}) FILTER (WHERE sign = -1), 0),
                coalesce(sum({cost_sql("r")}) FILTER (WHERE sign = 1), 0),
                count(*) FILTER (WHERE sign = 1)
            FROM usage_repriced AS r JOIN usage_usageseries AS s ON s.id = r.series_id GROUP BY 1, 2
            """
        )
        for model, key, before, after, count in cursor.fetchall():
            change = Change(int(before), int(after), count)
            found.by_model.setdefault(model, Change()).add(change)
            found.by_key.setdefault(key, Change()).add(change)
    return found


def _change_rollups(parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE usage_cost_changes ON COMMIT DROP AS"
            f" {changes_sql('usage_repriced')}",
            parameters,
        )
        for granularity in GRANULARITIES:
            cursor.execute(f"LOCK TABLE {granularity.table} IN EXCLUSIVE MODE")
        for granularity in GRANULARITIES:
            cursor.execute(add_changes_sql(granularity, "usage_cost_changes"))
        cursor.execute("DROP TABLE usage_cost_changes")
