"""Rollups: sums per series and bucket, added in the transaction that stores the events.

    new events --prepare: buckets, narrow series, bins of durations--> prepared rows --for each
    granularity: group, upsert--> rollup

What all rollups need of an event is worked out once, whatever their number. The same SQL serves the
ingest (from the new rows), a rebuild and any bulk load (from the events of a range). NULL sums mean
that no event reported the count; adding keeps that apart from 0. `usage_sum` (a migration) is the
sum of bigints as a bigint.
"""

from dataclasses import dataclass

from django.conf import settings

from monitoring.planned_statements import rows
from usage.models import COST_KINDS, TOKEN_KINDS, RollupCalendar
from usage.rollups.histograms import BIN_SQL

TOKEN_SUMS = ("total_tokens", *TOKEN_KINDS)
# NULL where nothing has a price.
COST_SUMS = (*COST_KINDS, "list_cost", "cache_savings")
_NULLABLE = (*TOKEN_SUMS, *COST_SUMS)
_DURATIONS = ("latency", "ttft")
PARTIES = ("client_key_id", "credential_id")
NARROW = ("by_model_id", "by_account_id", "overall_id", "by_upstream_id")
# Counts that are there for every event, by the SQL that sums them over prepared rows.
_COUNTS = {
    "attempts": "count(*)",
    **{
        name: f"usage_sum({name})"
        for name in (
            "requests",
            "failed",
            "priced",
            "failed_cost",
            "generated_tokens",
            "generation_ms",
        )
    },
    "latency_count": "count(latency_ms)",
    "latency_sum_ms": "coalesce(sum(latency_ms), 0)::bigint",
    "ttft_count": "count(ttft_ms)",
    "ttft_sum_ms": "coalesce(sum(ttft_ms), 0)::bigint",
}
_MAXIMA = {f"{name}_max_ms": f"coalesce(max({name}_ms), 0)" for name in _DURATIONS}
_HISTOGRAMS = tuple(f"{name}_{part}" for name in _DURATIONS for part in ("bins", "counts"))
MEASURES = (*_NULLABLE, *_COUNTS, *_MAXIMA, *_HISTOGRAMS)
# The bucket of an instant `{}` by its name; `%(zone)s` is the calendar's zone.
BUCKETS = {
    "quarter": "date_bin('15 minutes', {}, '2020-01-01 00:00:00+00')",
    "hour": "date_trunc('hour', {}, 'UTC')",
    "day": "({} AT TIME ZONE %(zone)s)::date",
}


@dataclass(frozen=True)
class Granularity:
    """One rollup table: the name of its bucket, which series of an event it sums, and which parties
    beside it.

    The series of the narrow levels are columns of the event's full series; parties are columns of
    the event, stored as 0 for none.
    """

    table: str
    bucket: str
    series: str = "series_id"
    parties: tuple[str, ...] = ()

    @property
    def bucket_of(self) -> str:
        """The SQL of the bucket of an instant `{}`."""
        return BUCKETS[self.bucket]

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return ("bucket", *self.parties, "series_id")

    @property
    def key_of_prepared(self) -> str:
        """The SQL of the key's columns over prepared rows."""
        return ", ".join((f"{self.bucket} AS bucket", *self.parties, f"{self.series} AS series_id"))


_KEY, _CREDENTIAL = PARTIES

QUARTER_HOURLY = Granularity("usage_usagequarterhourly", "quarter", "overall_id")
HOURLY = Granularity("usage_usagehourly", "hour")
HOURLY_BY_KEY = Granularity("usage_usagehourlybykey", "hour", "by_upstream_id", (_KEY,))
DAILY = Granularity("usage_usagedaily", "day", parties=(_KEY, _CREDENTIAL))
DAILY_OVERALL = Granularity("usage_usagedailyoverall", "day", "overall_id")
DAILY_BY_KEY = Granularity("usage_usagedailybykey", "day", "by_upstream_id", (_KEY,))
DAILY_BY_MODEL = Granularity("usage_usagedailybymodel", "day", "by_model_id")
DAILY_BY_KEY_AND_MODEL = Granularity("usage_usagedailybykeyandmodel", "day", "by_model_id", (_KEY,))
DAILY_BY_CREDENTIAL = Granularity(
    "usage_usagedailybycredential", "day", "by_account_id", (_CREDENTIAL,)
)
GRANULARITIES = (
    QUARTER_HOURLY,
    HOURLY,
    HOURLY_BY_KEY,
    DAILY,
    DAILY_OVERALL,
    DAILY_BY_KEY,
    DAILY_BY_MODEL,
    DAILY_BY_KEY_AND_MODEL,
    DAILY_BY_CREDENTIAL,
)


def calendar_zone() -> str:
    """The IANA zone in which the daily rollup counts its days; who writes the first ones decides
    it."""
    return (
        _decided_zone()
        or RollupCalendar.objects.get_or_create(pk=1, defaults={"zone": settings.TIME_ZONE})[0].zone
    )


def readers_calendar_zone() -> str:
    """The same without deciding anything, as readers may not write; before the first event it makes
    no difference."""
    return _decided_zone() or settings.TIME_ZONE


def _decided_zone() -> str | None:
    found = rows("/* usage.rollups.calendar */ SELECT zone FROM usage_rollupcalendar", [])
    return found[0][0] if found else None


def cost_sql(event: str) -> str:
    """The SQL of what an event cost altogether; NULL without a price."""
    kinds = " + ".join(f"{event}.{name}" for name in COST_KINDS)
    return f"{kinds} + coalesce({event}.reasoning_cost, 0)"


def costs_of_event(event: str, series: str) -> dict[str, str]:
    """The SQL of all that rollups sum of the cost of an event, by the names of its table and its
    series'."""
    return {
        **{name: f"{event}.{name}" for name in COST_SUMS},
        "output_cost": f"{event}.output_cost + coalesce({event}.reasoning_cost, 0)",
        "priced": f"({event}.input_cost IS NOT NULL)::int",
        "failed_cost": f"CASE WHEN {series}.failed THEN coalesce({cost_sql(event)}, 0) ELSE 0 END",
    }


def prepared_sql(source: str) -> str:
    """The events of `source` (a table or CTE), each with all that rollups group and sum by."""
    buckets = ", ".join(
        f"""{sql.format('e."timestamp"')} AS {name}""" for name, sql in BUCKETS.items()
    )
    series = ", ".join(f"o.{name}" for name in NARROW)
    parties = ", ".join(f"coalesce(e.{name}, 0) AS {name}" for name in PARTIES)
    tokens = ", ".join(f"e.{name}" for name in TOKEN_SUMS)
    costs = ", ".join(f"{sql} AS {name}" for name, sql in costs_of_event("e", "o").items())
    durations = ", ".join(
        f"CASE WHEN e.{name}_ms > 0 THEN e.{name}_ms END AS {name}_ms, CASE WHEN e.{name}_ms > 0"
        f" THEN {BIN_SQL.format(f'e.{name}_ms')} END AS {name}_bin"
        for name in _DURATIONS
    )
    return f"""
        SELECT {buckets}, e.series_id, {series}, {parties}, {tokens}, {costs}, {durations},
            e.is_first_attempt::int AS requests, o.failed::int AS failed,
            CASE WHEN o.failed THEN 0
                ELSE coalesce(e.non_reasoning_output_tokens, 0) + coalesce(e.reasoning_tokens, 0)
            END AS generated_tokens,
            CASE WHEN o.failed THEN 0 ELSE e.latency_ms END AS generation_ms
        FROM {source} AS e JOIN usage_usageseries AS o ON o.id = e.series_id"""


def rows_sql(granularity: Granularity, prepared: str) -> str:
    """The rows that a rollup would have for prepared rows (a table or CTE of `prepared_sql`)."""
    key = ", ".join(granularity.key)
    sums = ", ".join(f"usage_sum({name}) AS {name}" for name in _NULLABLE)
    counts = ", ".join(f"{sql} AS {name}" for name, sql in {**_COUNTS, **_MAXIMA}.items())
    histograms = ", ".join(
        f"coalesce({name}.{part}, '{{}}') AS {name}_{part}"
        for name in _DURATIONS
        for part in ("bins", "counts")
    )
    joined = " ".join(
        f"LEFT JOIN ({_histogram(granularity, name, prepared)}) AS {name} USING ({key})"
        for name in _DURATIONS
    )
    return f"""
    SELECT s.*, {histograms}
    FROM (
        SELECT {granularity.key_of_prepared}, {sums}, {counts}
        FROM {prepared} AS p GROUP BY {_key_numbers(granularity)}
    ) AS s
    {joined}"""


def _key_numbers(granularity: Granularity) -> str:
    """The key's columns by their places, as names of the source's columns would hide them."""
    return ", ".join(str(number + 1) for number in range(len(granularity.key)))


def _histogram(granularity: Granularity, measure: str, prepared: str) -> str:
    key, numbers = ", ".join(granularity.key), _key_numbers(granularity)
    return f"""
        SELECT {key}, array_agg(bin ORDER BY bin) AS bins, array_agg(n ORDER BY bin) AS counts
        FROM (
            SELECT {granularity.key_of_prepared}, {measure}_bin AS bin, count(*)::int AS n
            FROM {prepared} AS p WHERE {measure}_bin IS NOT NULL
            GROUP BY {numbers}, {measure}_bin
        ) AS bins GROUP BY {numbers}"""


def _merged(measure: str) -> str:
    """Bins and counts of the held row with those of the new one; one new bin, by far the commonest,
    is put in its place."""
    held_bins, held_counts = f"held.{measure}_bins", f"held.{measure}_counts"
    new_bins, new_counts = f"excluded.{measure}_bins", f"excluded.{measure}_counts"
    place = f"width_bucket({new_bins}[1], {held_bins})"
    return f"""({measure}_bins, {measure}_counts) = (
        SELECT {held_bins}, {held_counts} WHERE cardinality({new_bins}) = 0
        UNION ALL
        SELECT CASE
                WHEN known THEN {held_bins}
                ELSE {held_bins}[:place] || {new_bins} || {held_bins}[place + 1:]
            END,
            CASE
                WHEN known THEN {held_counts}[:place - 1]
                    || ({held_counts}[place] + {new_counts}[1]) || {held_counts}[place + 1:]
                ELSE {held_counts}[:place] || {new_counts} || {held_counts}[place + 1:]
            END
        FROM (
            SELECT {place} AS place, coalesce({held_bins}[{place}] = {new_bins}[1], false) AS known
        ) AS one WHERE cardinality({new_bins}) = 1
        UNION ALL
        SELECT array_agg(bin ORDER BY bin), array_agg(n ORDER BY bin) FROM (
            SELECT bin, sum(n)::int AS n FROM (
                SELECT * FROM unnest({held_bins}, {held_counts}) AS old (bin, n)
                UNION ALL SELECT * FROM unnest({new_bins}, {new_counts}) AS new (bin, n)
            ) AS both_of_them GROUP BY bin
        ) AS many HAVING cardinality({new_bins}) > 1)"""


def add_prepared_sql(granularity: Granularity, prepared: str) -> str:
    """An upsert that adds prepared rows to a rollup."""
    key = ", ".join(granularity.key)
    sums = ", ".join(
        f"{name} = coalesce(held.{name} + excluded.{name}, held.{name}, excluded.{name})"
        for name in _NULLABLE
    )
    counts = ", ".join(f"{name} = held.{name} + excluded.{name}" for name in _COUNTS)
    maxima = ", ".join(f"{name} = greatest(held.{name}, excluded.{name})" for name in _MAXIMA)
    return f"""
    INSERT INTO {granularity.table} AS held ({key}, {", ".join(MEASURES)})
    {rows_sql(granularity, prepared)}
    ORDER BY {key}
    ON CONFLICT ({key}) DO UPDATE SET {sums}, {counts}, {maxima},
        {_merged("latency")}, {_merged("ttft")}
    """


def add_sql(granularity: Granularity, source: str) -> str:
    """An upsert that adds the events of `source` (a table or CTE with the event's columns) to a
    rollup."""
    return add_prepared_sql(granularity, f"({prepared_sql(source)})")
