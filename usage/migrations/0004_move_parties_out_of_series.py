"""Write client key and credential into each event, give events the series without them, and make
all rollups from the events."""

import hashlib
from uuid import UUID

from django.conf import settings
from django.db import migrations

from usage.migrations._rollups import plan_for_all_rows, series_found_in

DIMENSIONS = (
    "provider",
    "model",
    "alias",
    "endpoint",
    "auth_type",
    "executor_type",
    "service_tier",
    "reasoning_effort",
    "failure_class",
    "failed",
)
NARROW = {
    "by_model_id": ("model", ("model", "failure_class", "failed")),
    "by_account_id": ("account", ("provider", "auth_type", "failure_class", "failed")),
    "overall_id": ("overall", ("failure_class", "failed")),
}
TOKENS = (
    "total_tokens",
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "non_reasoning_output_tokens",
    "reasoning_tokens",
    "unclassified_tokens",
)
QUARTER = "date_bin('15 minutes', e.\"timestamp\", '2020-01-01 00:00:00+00')"
HOUR = "date_trunc('hour', e.\"timestamp\", 'UTC')"
DAY = '(e."timestamp" AT TIME ZONE %(zone)s)::date'
WEEK = "date_trunc('week', e.\"timestamp\" AT TIME ZONE %(zone)s)::date"
ROLLUPS = (
    ("usage_usagequarterhourly", QUARTER, "o.overall_id", ""),
    ("usage_usagehourly", HOUR, "o.id", ""),
    ("usage_usagehourlybykey", HOUR, "o.overall_id", "client_key_id"),
    ("usage_usagedaily", DAY, "o.id", ""),
    ("usage_usagedailyoverall", DAY, "o.overall_id", ""),
    ("usage_usagedailybykey", DAY, "o.overall_id", "client_key_id"),
    ("usage_usagedailybykeyandmodel", DAY, "o.by_model_id", "client_key_id"),
    ("usage_usageweeklybykeyandmodel", WEEK, "o.by_model_id", "client_key_id"),
    ("usage_usagedailybycredential", DAY, "o.by_account_id", "credential_id"),
)
REFERENCES = [
    ("usage_usageseries", column)
    for column in ("by_model_id", "by_account_id", "overall_id", "key_and_model_id")
]
# As the migrations 0002 and 0003 made them.
INDEXES = {
    "usage_event_newest": '("timestamp" DESC, id DESC)',
    "usage_event_newest_of_series": '(series_id, "timestamp" DESC)',
    "usage_event_request": """(request_id, "timestamp") WHERE request_id <> ''""",
    "usage_event_newest_of_key": '(client_key_id, "timestamp" DESC)',
    "usage_event_newest_of_credential": '(credential_id, "timestamp" DESC)',
}
# usage.rollups.histograms.BIN_SQL as it was.
BIN = "ceil(ln({}::float8) / 0.040005334613699206::float8)::smallint"


def move(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM usage_usageseries")
        if not cursor.fetchone()[0]:
            return
        with series_found_in(cursor, REFERENCES):
            make_series(cursor)
            move_events(cursor)
            cursor.execute(
                "TRUNCATE usage_usagehourly, usage_usagedaily, usage_usagedailybymodel,"
                " usage_usagedailyoverall"
            )
            cursor.execute(
                "DELETE FROM usage_usageseries WHERE id NOT IN (SELECT id FROM kept_series)"
            )
        plan_for_all_rows(cursor, "usage_event", "usage_usageseries")
        cursor.execute("SELECT zone FROM usage_rollupcalendar WHERE id = 1")
        row = cursor.fetchone()
        for rollup in ROLLUPS:
            cursor.execute(fill_sql(*rollup), {"zone": row[0] if row else settings.TIME_ZONE})
        cursor.execute("DROP TABLE moved_series, kept_series")


def move_events(cursor):
    """Every event changes, so that making the indexes again takes less than keeping them."""
    for name in INDEXES:
        cursor.execute(f"DROP INDEX {name}")
    plan_for_all_rows(cursor, "usage_event", "usage_usageseries", "moved_series")
    cursor.execute(
        "UPDATE usage_event AS e SET series_id = m.new_id, client_key_id = o.client_key_id,"
        " credential_id = o.credential_id FROM moved_series AS m JOIN usage_usageseries AS o ON"
        " o.id = m.old_id WHERE e.series_id = m.old_id"
    )
    for name, definition in INDEXES.items():
        cursor.execute(f"CREATE INDEX {name} ON usage_event {definition}")


def make_series(cursor):
    cursor.execute("CREATE TEMPORARY TABLE moved_series (old_id bigint PRIMARY KEY, new_id bigint)")
    cursor.execute("CREATE TEMPORARY TABLE kept_series (id bigint PRIMARY KEY)")
    names = ", ".join(DIMENSIONS)
    cursor.execute(
        f"SELECT upstream_id, {names}, array_agg(id) FROM usage_usageseries WHERE level = 'full'"
        f" GROUP BY upstream_id, {names}"
    )
    made = {}
    for upstream, *values, old in cursor.fetchall():
        dimensions = dict(zip(DIMENSIONS, values, strict=True))
        narrow = {
            name: make(cursor, made, upstream, level, {d: dimensions[d] for d in kept})
            for name, (level, kept) in NARROW.items()
        }
        new = make(cursor, made, upstream, "full", dimensions, narrow)
        cursor.execute("INSERT INTO moved_series SELECT unnest(%s), %s", [old, new])


def make(cursor, made, upstream, level, kept, narrow=None):
    dimensions = {**{name: False if name == "failed" else "" for name in DIMENSIONS}, **kept}
    digest = UUID(
        bytes=hashlib.sha256(repr((upstream, level, *dimensions.values())).encode()).digest()[:16]
    )
    if digest not in made:
        columns = {
            "digest": digest,
            "upstream_id": upstream,
            "level": level,
            **dimensions,
            **(narrow or {}),
        }
        cursor.execute(
            f"INSERT INTO usage_usageseries ({', '.join(columns)}) VALUES"
            f" ({', '.join(['%s'] * len(columns))}) RETURNING id",
            list(columns.values()),
        )
        made[digest] = cursor.fetchone()[0]
        cursor.execute("INSERT INTO kept_series VALUES (%s)", [made[digest]])
    return made[digest]


def fill_sql(table, bucket, series, party):
    key = ", ".join(["bucket", *([party] if party else []), "series_id"])
    placed = f"{bucket} AS bucket, {series} AS series_id" + (
        f", coalesce(e.{party}, 0) AS {party}" if party else ""
    )
    source = "usage_event AS e JOIN usage_usageseries AS o ON o.id = e.series_id"
    measures = ", ".join(f"e.{token}" for token in TOKENS)
    sums = ", ".join(f"sum({token})::bigint AS {token}" for token in TOKENS)
    durations = ", ".join(
        f"count(*) FILTER (WHERE {m}_ms > 0) AS {m}_count, coalesce(sum({m}_ms) FILTER (WHERE"
        f" {m}_ms > 0), 0)::bigint AS {m}_sum_ms, coalesce(max({m}_ms), 0) AS {m}_max_ms"
        for m in ("latency", "ttft")
    )
    histograms = " ".join(
        f"LEFT JOIN (SELECT {key}, array_agg(bin ORDER BY bin) AS bins, array_agg(n ORDER BY bin)"
        f" AS counts FROM (SELECT {key}, {BIN.format(m + '_ms')} AS bin, count(*)::int AS n FROM"
        f" (SELECT {placed}, e.{m}_ms FROM {source}) AS placed WHERE {m}_ms > 0 GROUP BY {key},"
        f" bin) AS bins GROUP BY {key}) AS {m} USING ({key})"
        for m in ("latency", "ttft")
    )
    bins = ", ".join(
        f"coalesce({m}.{part}, '{{}}')" for m in ("latency", "ttft") for part in ("bins", "counts")
    )
    counts = "attempts, requests, " + ", ".join(
        f"{m}_{part}" for m in ("latency", "ttft") for part in ("count", "sum_ms", "max_ms")
    )
    return f"""
        INSERT INTO {table} (
            {key}, {", ".join(TOKENS)}, {counts},
            latency_bins, latency_counts, ttft_bins, ttft_counts
        )
        SELECT s.*, {bins}
        FROM (
            SELECT {key}, {sums}, count(*) AS attempts,
                count(*) FILTER (WHERE is_first_attempt) AS requests, {durations}
            FROM (
                SELECT {placed}, {measures}, e.is_first_attempt, e.latency_ms, e.ttft_ms
                FROM {source}
            ) AS placed GROUP BY {key}
        ) AS s {histograms}"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0003_narrow_rollups")]
    operations = [migrations.RunPython(move, migrations.RunPython.noop)]
