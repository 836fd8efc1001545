"""Rollups: sums per series and bucket, added in the transaction that stores the events.

    new events --sum per series, client key, credential, quarter and day--> sums --for each granularity: sum again, upsert--> rollup

The events are summed once, whatever the number of rollups; each rollup is then added to from these few rows. The same SQL
serves the ingest (from the new rows), a rebuild and any bulk load (from the events of a range). NULL sums mean that no
event reported the count; adding keeps that apart from 0.
"""

from dataclasses import dataclass

from django.conf import settings

from usage.histograms import BIN_SQL
from usage.models import TOKEN_KINDS, RollupCalendar

TOKEN_SUMS = ("total_tokens", *TOKEN_KINDS)
# What depends on how the attempts of a series `o` ended; with it, narrow rollups need not tell failure classes apart.
_BY_OUTCOME = {
    "failed": "CASE WHEN o.failed THEN p.attempts ELSE 0 END",
    "generated_tokens": "CASE WHEN o.failed THEN 0 ELSE coalesce(p.non_reasoning_output_tokens, 0) + coalesce(p.reasoning_tokens, 0) END",
    "generation_ms": "CASE WHEN o.failed THEN 0 ELSE p.latency_sum_ms END",
}
_COUNTS = ("attempts", "requests", *_BY_OUTCOME, "latency_count", "latency_sum_ms", "ttft_count", "ttft_sum_ms")
_MAXIMA = ("latency_max_ms", "ttft_max_ms")
_DURATIONS = ("latency", "ttft")
_HISTOGRAMS = tuple(f"{measure}_{part}" for measure in _DURATIONS for part in ("bins", "counts"))
MEASURES = (*TOKEN_SUMS, *_COUNTS, *_MAXIMA, *_HISTOGRAMS)


@dataclass(frozen=True)
class Granularity:
    """One rollup table: the SQL of the bucket of an instant `{}`, which series of an event it sums, and which parties beside it.

    A bucket is a whole number of quarters of an hour, of one day of the calendar. `%(zone)s` is the calendar's zone. The
    series of the narrow levels are columns of the event's full series; parties are columns of the event, stored as 0 for none.
    """

    table: str
    bucket_of: str
    series: str = "series_id"
    parties: tuple[str, ...] = ()

    @property
    def bucket(self) -> str:
        """The bucket that an event falls into."""
        return self.bucket_of.format('"timestamp"')

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return ("bucket", *self.parties, "series_id")


_QUARTER = "date_bin('15 minutes', {}, '2020-01-01 00:00:00+00')"
_HOUR = "date_trunc('hour', {}, 'UTC')"
_DAY = "({} AT TIME ZONE %(zone)s)::date"
_KEY, _CREDENTIAL = "client_key_id", "credential_id"

QUARTER_HOURLY = Granularity("usage_usagequarterhourly", _QUARTER, "overall_id")
HOURLY = Granularity("usage_usagehourly", _HOUR)
HOURLY_BY_KEY = Granularity("usage_usagehourlybykey", _HOUR, "by_upstream_id", (_KEY,))
DAILY = Granularity("usage_usagedaily", _DAY, parties=(_KEY, _CREDENTIAL))
DAILY_OVERALL = Granularity("usage_usagedailyoverall", _DAY, "overall_id")
DAILY_BY_KEY = Granularity("usage_usagedailybykey", _DAY, "by_upstream_id", (_KEY,))
DAILY_BY_MODEL = Granularity("usage_usagedailybymodel", _DAY, "by_model_id")
DAILY_BY_KEY_AND_MODEL = Granularity("usage_usagedailybykeyandmodel", _DAY, "by_model_id", (_KEY,))
DAILY_BY_CREDENTIAL = Granularity("usage_usagedailybycredential", _DAY, "by_account_id", (_CREDENTIAL,))
GRANULARITIES = (
    QUARTER_HOURLY, HOURLY, HOURLY_BY_KEY, DAILY,
    DAILY_OVERALL, DAILY_BY_KEY, DAILY_BY_MODEL, DAILY_BY_KEY_AND_MODEL, DAILY_BY_CREDENTIAL,
)  # fmt: skip


def calendar_zone() -> str:
    """The IANA zone in which the daily rollup counts its days."""
    zone = RollupCalendar.objects.values_list("zone", flat=True).filter(pk=1).first()
    return zone or RollupCalendar.objects.get_or_create(pk=1, defaults={"zone": settings.TIME_ZONE})[0].zone


def sums_sql(source: str) -> str:
    """The events of `source` (a table or CTE) summed by series within the smallest part that every bucket is made of.

    Of such a part, `timestamp` is any instant, so that its bucket can be told.
    """
    tokens = ", ".join(f"sum({name})::bigint AS {name}" for name in TOKEN_SUMS)
    durations = ", ".join(
        f"count(*) FILTER (WHERE {m}_ms > 0) AS {m}_count, coalesce(sum({m}_ms) FILTER (WHERE {m}_ms > 0), 0)::bigint AS {m}_sum_ms, "
        f"coalesce(max({m}_ms), 0) AS {m}_max_ms, "
        # Not counted yet: an event adds 1 to its bin, and equal bins are counted when they are summed again.
        f"coalesce(array_agg({BIN_SQL.format(m + '_ms')}) FILTER (WHERE {m}_ms > 0), '{{}}') AS {m}_bins, "
        f"coalesce(array_agg(1) FILTER (WHERE {m}_ms > 0), '{{}}') AS {m}_counts"
        for m in _DURATIONS
    )
    return f"""
        SELECT min("timestamp") AS "timestamp", series_id, client_key_id, credential_id,
            {tokens}, count(*) AS attempts, count(*) FILTER (WHERE is_first_attempt) AS requests, {durations}
        FROM {source} GROUP BY series_id, client_key_id, credential_id, {QUARTER_HOURLY.bucket}, {DAILY.bucket}"""


def _summed_again(key: str, source: str) -> str:
    """The rows of `source`, which has the columns of `sums_sql`, summed by the columns of a granularity's key."""
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in (*TOKEN_SUMS, *_COUNTS))
    maxima = ", ".join(f"max({name}) AS {name}" for name in _MAXIMA)
    return f"SELECT {key}, {sums}, {maxima} FROM {source} GROUP BY {key}"


def _histogram(key: str, measure: str, source: str) -> str:
    return f"""
        SELECT {key}, array_agg(bin ORDER BY bin) AS bins, array_agg(n ORDER BY bin) AS counts FROM (
            SELECT {key}, bin, sum(n)::int AS n FROM {source}, unnest({measure}_bins, {measure}_counts) AS h (bin, n) GROUP BY {key}, bin
        ) AS bins GROUP BY {key}"""


def _merged(measure: str) -> str:
    """Bins and counts of the held row with those of the new one; one new bin, by far the commonest, is put in its place."""
    held_bins, held_counts = f"held.{measure}_bins", f"held.{measure}_counts"
    new_bins, new_counts = f"excluded.{measure}_bins", f"excluded.{measure}_counts"
    place = f"width_bucket({new_bins}[1], {held_bins})"
    return f"""({measure}_bins, {measure}_counts) = (
        SELECT {held_bins}, {held_counts} WHERE cardinality({new_bins}) = 0
        UNION ALL
        SELECT CASE WHEN known THEN {held_bins} ELSE {held_bins}[:place] || {new_bins} || {held_bins}[place + 1:] END,
            CASE WHEN known THEN {held_counts}[:place - 1] || ({held_counts}[place] + {new_counts}[1]) || {held_counts}[place + 1:]
            ELSE {held_counts}[:place] || {new_counts} || {held_counts}[place + 1:] END
        FROM (SELECT {place} AS place, coalesce({held_bins}[{place}] = {new_bins}[1], false) AS known) AS one WHERE cardinality({new_bins}) = 1
        UNION ALL
        SELECT array_agg(bin ORDER BY bin), array_agg(n ORDER BY bin) FROM (
            SELECT bin, sum(n)::int AS n FROM (
                SELECT * FROM unnest({held_bins}, {held_counts}) AS old (bin, n)
                UNION ALL SELECT * FROM unnest({new_bins}, {new_counts}) AS new (bin, n)
            ) AS both_of_them GROUP BY bin
        ) AS many HAVING cardinality({new_bins}) > 1)"""


def rows_sql(granularity: Granularity, source: str) -> str:
    """The rows that a rollup would have for `source`, which has the columns of `sums_sql`."""
    key, placed = ", ".join(granularity.key), f"({_placed(granularity, source)}) AS placed"
    histograms = ", ".join(f"coalesce({measure}.{part}, '{{}}') AS {measure}_{part}" for measure in _DURATIONS for part in ("bins", "counts"))
    return f"""
    SELECT s.*, {histograms}
    FROM ({_summed_again(key, placed)}) AS s
    LEFT JOIN ({_histogram(key, "latency", placed)}) AS latency USING ({key})
    LEFT JOIN ({_histogram(key, "ttft", placed)}) AS ttft USING ({key})"""


def add_sums_sql(granularity: Granularity, source: str) -> str:
    """An upsert that adds the rows of `source`, which has the columns of `sums_sql`, to a rollup."""
    key = ", ".join(granularity.key)
    tokens = ", ".join(f"{name} = coalesce(held.{name} + excluded.{name}, held.{name}, excluded.{name})" for name in TOKEN_SUMS)
    counts = ", ".join(f"{name} = held.{name} + excluded.{name}" for name in _COUNTS)
    maxima = ", ".join(f"{name} = greatest(held.{name}, excluded.{name})" for name in _MAXIMA)
    return f"""
    INSERT INTO {granularity.table} AS held ({key}, {", ".join(MEASURES)})
    {rows_sql(granularity, source)}
    ORDER BY {key}
    ON CONFLICT ({key}) DO UPDATE SET {tokens}, {counts}, {maxima}, {_merged("latency")}, {_merged("ttft")}
    """


def _placed(granularity: Granularity, source: str) -> str:
    """The rows of `source` with the key of a granularity."""
    series = "p.series_id" if granularity.series == "series_id" else f"o.{granularity.series}"
    parties = "".join(f"coalesce(p.{party}, 0) AS {party}, " for party in granularity.parties)
    measures = ", ".join(f"{_BY_OUTCOME.get(name, f'p.{name}')} AS {name}" for name in MEASURES)
    bucket = granularity.bucket_of.format('p."timestamp"')
    return f"SELECT {bucket} AS bucket, {series} AS series_id, {parties}{measures} FROM {source} AS p JOIN usage_usageseries AS o ON o.id = p.series_id"


def add_sql(granularity: Granularity, source: str) -> str:
    """An upsert that adds the events of `source` (a table or CTE with the event's columns) to a rollup."""
    return add_sums_sql(granularity, f"({sums_sql(source)})")
