"""Fill the sums by outcome and let narrow rollups forget failure classes, all from the rollups:
events may have been pruned."""

import hashlib
from uuid import UUID

from django.db import migrations

from usage.migrations._rollups import OUTCOME_SUMS, TOKENS, plan_for_all_rows, series_found_in

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
    "by_model_id": ("model", ("model",)),
    "by_account_id": ("account", ("provider", "auth_type")),
    "overall_id": ("overall", ("failure_class", "failed")),
    "by_upstream_id": ("upstream", ()),
}
HELD = (
    "usage_usagequarterhourly",
    "usage_usagehourly",
    "usage_usagehourlybykey",
    "usage_usagedailyfull",
    "usage_usagedailyoverall",
    "usage_usagedailybykey",
    "usage_usagedailybykeyandmodel",
    "usage_usagedailybycredential",
)
# Table, the table that its rows are summed from, the dimensions that tell its series, and its
# party.
NARROWED = (
    ("usage_usagehourlybykey", "usage_usagehourlybykey", "upstream", (), "client_key_id"),
    ("usage_usagedailybykey", "usage_usagedailybykey", "upstream", (), "client_key_id"),
    (
        "usage_usagedailybykeyandmodel",
        "usage_usagedailybykeyandmodel",
        "model",
        ("model",),
        "client_key_id",
    ),
    (
        "usage_usagedailybycredential",
        "usage_usagedailybycredential",
        "account",
        ("provider", "auth_type"),
        "credential_id",
    ),
    ("usage_usagedailybymodel", "usage_usagedaily", "model", ("model",), ""),
)
REFERENCES = [("usage_usageseries", column) for column in NARROW] + [
    (table, "series_id") for table in (*HELD, "usage_usagedaily", "usage_usagedailybymodel")
]
COUNTS = (
    "attempts",
    "requests",
    *OUTCOME_SUMS,
    "latency_count",
    "latency_sum_ms",
    "ttft_count",
    "ttft_sum_ms",
)
MAXIMA = ("latency_max_ms", "ttft_max_ms")


def move(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM usage_usageseries")
        if not cursor.fetchone()[0]:
            return
        plan_for_all_rows(cursor, "usage_usageseries")
        for table in HELD:
            cursor.execute(outcome_sql(table))
        cursor.execute(
            "ALTER TABLE usage_usagedaily ADD COLUMN failed bigint, ADD COLUMN generated_tokens"
            " bigint, ADD COLUMN generation_ms bigint"
        )
        cursor.execute(outcome_sql("usage_usagedaily"))
        kept = name_narrow_series(cursor)
        for narrowed in NARROWED:
            narrow(cursor, *narrowed)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with series_found_in(cursor, REFERENCES):
            # Full series may not be dropped, narrow ones that nothing names any more may.
            cursor.execute(
                "DELETE FROM usage_usageseries WHERE level IN ('model', 'account') AND id <>"
                " ALL(%s)",
                [kept],
            )


def outcome_sql(table):
    return f"""
        UPDATE {table} AS u SET failed = CASE WHEN o.failed THEN attempts ELSE 0 END,
            generated_tokens = CASE WHEN o.failed THEN 0
                ELSE coalesce(non_reasoning_output_tokens, 0) + coalesce(reasoning_tokens, 0) END,
            generation_ms = CASE WHEN o.failed THEN 0 ELSE latency_sum_ms END
        FROM usage_usageseries AS o WHERE o.id = u.series_id"""


def name_narrow_series(cursor):
    """Make the narrow series of every full one, or find them, and name them there; the ids of
    all."""
    names, made = ", ".join(DIMENSIONS), {}
    cursor.execute(f"SELECT id, upstream_id, {names} FROM usage_usageseries WHERE level = 'full'")
    for series, upstream, *values in cursor.fetchall():
        dimensions = dict(zip(DIMENSIONS, values, strict=True))
        ids = [
            find_or_make(cursor, made, upstream, level, {d: dimensions[d] for d in kept})
            for level, kept in NARROW.values()
        ]
        cursor.execute(
            f"UPDATE usage_usageseries SET {', '.join(f'{column} = %s' for column in NARROW)} WHERE"
            " id = %s",
            [*ids, series],
        )
    return list(made.values())


def find_or_make(cursor, made, upstream, level, kept):
    dimensions = {**{name: False if name == "failed" else "" for name in DIMENSIONS}, **kept}
    digest = UUID(
        bytes=hashlib.sha256(repr((upstream, level, *dimensions.values())).encode()).digest()[:16]
    )
    if digest not in made:
        columns = {"digest": digest, "upstream_id": upstream, "level": level, **dimensions}
        cursor.execute(
            f"INSERT INTO usage_usageseries ({', '.join(columns)}) VALUES"
            f" ({', '.join(['%s'] * len(columns))}) ON CONFLICT (digest) DO NOTHING",
            list(columns.values()),
        )
        cursor.execute("SELECT id FROM usage_usageseries WHERE digest = %s", [digest])
        made[digest] = cursor.fetchone()[0]
    return made[digest]


def narrow(cursor, table, source, level, dimensions, party):
    key = ", ".join(["bucket", *([party] if party else []), "series_id"])
    same = " AND ".join(
        [
            "n.upstream_id = o.upstream_id",
            "n.level = %(level)s",
            "NOT n.failed",
            *[f"n.{d} = o.{d}" for d in dimensions],
        ]
    )
    measures = (
        *TOKENS,
        *COUNTS,
        *MAXIMA,
        "latency_bins",
        "latency_counts",
        "ttft_bins",
        "ttft_counts",
    )
    placed = (
        f"SELECT u.bucket, {f'u.{party}, ' if party else ''}n.id AS series_id,"
        f" {', '.join(f'u.{m}' for m in measures)} FROM {source} AS u JOIN usage_usageseries AS o"
        f" ON o.id = u.series_id JOIN usage_usageseries AS n ON {same}"
    )
    cursor.execute(f"CREATE TEMPORARY TABLE placed_rows AS {placed}", {"level": level})
    cursor.execute(f"TRUNCATE {table}")
    sums = ", ".join(
        [f"sum({name})::bigint AS {name}" for name in (*TOKENS, *COUNTS)]
        + [f"max({name}) AS {name}" for name in MAXIMA]
    )
    histograms = " ".join(
        f"LEFT JOIN (SELECT {key}, array_agg(bin ORDER BY bin) AS bins, array_agg(n ORDER BY bin)"
        f" AS counts FROM (SELECT {key}, bin, sum(n)::int AS n FROM placed_rows, unnest({m}_bins,"
        f" {m}_counts) AS h (bin, n) GROUP BY {key}, bin) AS bins GROUP BY {key}) AS {m} USING"
        f" ({key})"
        for m in ("latency", "ttft")
    )
    bins = ", ".join(
        f"coalesce({m}.{part}, '{{}}')" for m in ("latency", "ttft") for part in ("bins", "counts")
    )
    cursor.execute(
        f"INSERT INTO {table} ({key}, {', '.join(measures)}) SELECT s.*, {bins} FROM (SELECT {key},"
        f" {sums} FROM placed_rows GROUP BY {key}) AS s {histograms}"
    )
    cursor.execute("DROP TABLE placed_rows")


class Migration(migrations.Migration):
    dependencies = [("usage", "0009_sums_by_outcome")]
    operations = [migrations.RunPython(move, migrations.RunPython.noop)]
