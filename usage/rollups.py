"""Rollups: sums per series and bucket, added in the transaction that stores the events.

Both granularities have the same measures, so one piece of SQL serves both, for the ingest (source: the new rows) and for a
rebuild (source: the events of a range). NULL sums mean that no event reported the count; adding keeps that apart from 0.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from usage.histograms import BIN_SQL
from usage.models import TOKEN_KINDS, RollupCalendar

TOKEN_SUMS = ("total_tokens", *TOKEN_KINDS)
_COUNTS = ("attempts", "requests", "latency_count", "latency_sum_ms", "ttft_count", "ttft_sum_ms")
_EVENT_COLUMNS = ", ".join(f'e."{name}"' for name in ("timestamp", "is_first_attempt", "latency_ms", "ttft_ms", *TOKEN_SUMS))
_COLUMNS = (
    "bucket", "series_id", *TOKEN_SUMS, "attempts", "requests",
    "latency_count", "latency_sum_ms", "latency_max_ms", "latency_bins", "latency_counts",
    "ttft_count", "ttft_sum_ms", "ttft_max_ms", "ttft_bins", "ttft_counts",
)  # fmt: skip


@dataclass(frozen=True)
class Granularity:
    """One rollup table, the SQL of the bucket of an instant `{}` and which series of an event it sums.

    `%(zone)s` is the calendar's zone; the series of the narrow levels are columns of the event's full series.
    """

    table: str
    bucket_of: str
    series: str = "series_id"

    @property
    def bucket(self) -> str:
        """The bucket that an event falls into."""
        return self.bucket_of.format('"timestamp"')


HOURLY = Granularity("usage_usagehourly", "date_trunc('hour', {}, 'UTC')")
DAILY = Granularity("usage_usagedaily", "({} AT TIME ZONE %(zone)s)::date")
DAILY_BY_MODEL = Granularity("usage_usagedailybymodel", DAILY.bucket_of, "key_and_model_id")
DAILY_OVERALL = Granularity("usage_usagedailyoverall", DAILY.bucket_of, "overall_id")
GRANULARITIES = (HOURLY, DAILY, DAILY_BY_MODEL, DAILY_OVERALL)


def calendar_zone() -> str:
    """The IANA zone in which the daily rollup counts its days."""
    zone = RollupCalendar.objects.values_list("zone", flat=True).filter(pk=1).first()
    return zone or RollupCalendar.objects.get_or_create(pk=1, defaults={"zone": settings.TIME_ZONE})[0].zone


def _histogram_sql(measure: str, source: str, bucket: str) -> str:
    return f"""
        SELECT bucket, series_id, array_agg(bin ORDER BY bin) AS bins, array_agg(n ORDER BY bin) AS counts
        FROM (
            SELECT {bucket} AS bucket, series_id, {BIN_SQL.format(measure)} AS bin, count(*)::int AS n
            FROM {source} WHERE {measure} > 0 GROUP BY 1, 2, 3
        ) AS bins GROUP BY 1, 2"""


def _sums_sql(source: str, bucket: str) -> str:
    tokens = ", ".join(f"sum({name})::bigint AS {name}" for name in TOKEN_SUMS)
    durations = ", ".join(
        f"count(*) FILTER (WHERE {name}_ms > 0) AS {name}_count, coalesce(sum({name}_ms) FILTER (WHERE {name}_ms > 0), 0)::bigint AS {name}_sum_ms, "
        f"coalesce(max({name}_ms), 0) AS {name}_max_ms"
        for name in ("latency", "ttft")
    )
    return f"""
        SELECT {bucket} AS bucket, series_id, {tokens}, count(*) AS attempts, count(*) FILTER (WHERE is_first_attempt) AS requests, {durations}
        FROM {source} GROUP BY 1, 2"""


def _merged(measure: str) -> str:
    return f"""({measure}_bins, {measure}_counts) = (
        SELECT coalesce(array_agg(bin ORDER BY bin), '{{}}'), coalesce(array_agg(n ORDER BY bin), '{{}}') FROM (
            SELECT bin, sum(n)::int AS n FROM (
                SELECT * FROM unnest(held.{measure}_bins, held.{measure}_counts) AS old (bin, n)
                UNION ALL SELECT * FROM unnest(excluded.{measure}_bins, excluded.{measure}_counts) AS new (bin, n)
            ) AS both_of_them GROUP BY bin
        ) AS merged)"""


def add_sql(granularity: Granularity, source: str) -> str:
    """An upsert that adds the events of `source` (a table or CTE with the event's columns) to a rollup."""
    bucket, table = granularity.bucket, granularity.table
    if granularity.series != "series_id":
        source = (
            f"(SELECT {_EVENT_COLUMNS}, o.{granularity.series} AS series_id FROM {source} AS e JOIN usage_usageseries AS o ON o.id = e.series_id) AS narrow"
        )
    tokens = ", ".join(f"{name} = coalesce(held.{name} + excluded.{name}, held.{name}, excluded.{name})" for name in TOKEN_SUMS)
    counts = ", ".join(f"{name} = held.{name} + excluded.{name}" for name in _COUNTS)
    maxima = ", ".join(f"{name}_max_ms = greatest(held.{name}_max_ms, excluded.{name}_max_ms)" for name in ("latency", "ttft"))
    histograms = {"latency_bins": "l.bins", "latency_counts": "l.counts", "ttft_bins": "t.bins", "ttft_counts": "t.counts"}
    select = ", ".join(f"coalesce({histograms[name]}, '{{}}')" if name in histograms else f"s.{name}" for name in _COLUMNS)
    return f"""
    INSERT INTO {table} AS held ({", ".join(_COLUMNS)})
    SELECT {select}
    FROM ({_sums_sql(source, bucket)}) AS s
    LEFT JOIN ({_histogram_sql("latency_ms", source, bucket)}) AS l USING (bucket, series_id)
    LEFT JOIN ({_histogram_sql("ttft_ms", source, bucket)}) AS t USING (bucket, series_id)
    ORDER BY s.series_id, s.bucket
    ON CONFLICT (bucket, series_id) DO UPDATE SET {tokens}, {counts}, {maxima}, {_merged("latency")}, {_merged("ttft")}
    """


def rebuild(first: datetime, last: datetime) -> None:
    """Recompute both rollups over the buckets that `[first, last)` touches, from the events, while collection goes on."""
    zone = calendar_zone()
    for granularity in GRANULARITIES:
        bucket = granularity.bucket
        limits = " AND ".join(granularity.bucket_of.format(f"%({end})s::timestamptz") for end in ("first", "last"))
        parameters: dict[str, Any] = {"first": first, "last": last, "zone": zone}
        with transaction.atomic(), connection.cursor() as cursor:
            # Ingest adds to the rollups under the mode below this one, so it waits; readers do not.
            cursor.execute(f"LOCK TABLE {granularity.table} IN EXCLUSIVE MODE")
            cursor.execute(f"DELETE FROM {granularity.table} WHERE bucket BETWEEN {limits}", parameters)
            cursor.execute(f"WITH rebuilt AS (SELECT * FROM usage_event WHERE {bucket} BETWEEN {limits}) {add_sql(granularity, 'rebuilt')}", parameters)
