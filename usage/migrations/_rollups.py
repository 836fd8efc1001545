"""Making and filling rollup tables in migrations: the measures and the SQL as they were when the
first of them was written."""

from contextlib import contextmanager

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

TOKENS = (
    "total_tokens",
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "non_reasoning_output_tokens",
    "reasoning_tokens",
    "unclassified_tokens",
)
DAY = '(e."timestamp" AT TIME ZONE %(zone)s)::date'
# usage.rollups.histograms.BIN_SQL as it was.
BIN = "ceil(ln({}::float8) / 0.040005334613699206::float8)::smallint"
# What migration 0009 added to the measures.
OUTCOME_SUMS = {
    "failed": "Attempts that failed.",
    "generated_tokens": "Output of the attempts that succeeded.",
    "generation_ms": "Latency of the attempts that succeeded.",
}
TARGETS = {"client_key": "providers.clientkey", "credential": "providers.credential"}


def reference(to, **options):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=to,
        **options,
    )


def rollup(name, verbose_name_plural, bucket, parties=(), *, outcome=False):
    key = ["bucket", *[f"{party}_id" for party in parties], "series_id"]
    array = django.contrib.postgres.fields.ArrayField
    durations = []
    for measure in ("latency", "ttft"):
        is_first = measure == "latency"
        counted = (
            {"help_text": "Attempts with a latency above 0; the sum and the histogram cover these."}
            if is_first
            else {}
        )
        binned = (
            {"help_text": "Bins of usage/rollups/histograms.py that are not empty, ascending."}
            if is_first
            else {}
        )
        durations += [
            (f"{measure}_count", models.BigIntegerField(**counted)),
            (f"{measure}_sum_ms", models.BigIntegerField()),
            (f"{measure}_max_ms", models.BigIntegerField()),
            (f"{measure}_bins", array(base_field=models.SmallIntegerField(), size=None, **binned)),
            (f"{measure}_counts", array(base_field=models.IntegerField(), size=None)),
        ]
    return migrations.CreateModel(
        name=name,
        fields=[
            *[(token, models.BigIntegerField(null=True)) for token in TOKENS],
            ("attempts", models.BigIntegerField()),
            ("requests", models.BigIntegerField()),
            *[
                (sum_name, models.BigIntegerField(help_text=text))
                for sum_name, text in OUTCOME_SUMS.items()
                if outcome
            ],
            *durations,
            (
                "pk",
                models.CompositePrimaryKey(
                    *key, blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("bucket", bucket),
            ("series", reference("usage.usageseries")),
            *[(party, reference(TARGETS[party], db_constraint=False)) for party in parties],
        ],
        options={"verbose_name_plural": verbose_name_plural},
    )


def plan_for_all_rows(cursor, *tables):
    """Until the transaction ends: statements read whole tables, whose statistics may be missing or
    those of a small one."""
    cursor.execute("SET LOCAL enable_nestloop = off")
    cursor.execute("SET LOCAL work_mem = '128MB'")
    cursor.execute(f"ANALYZE {', '.join(tables)}")


@contextmanager
def series_found_in(cursor, columns):
    """Index what refers to series, (table, column): each that is deleted is looked up in all of
    these, which has no index to offer."""
    for number, (table, column) in enumerate(columns):
        cursor.execute(f"CREATE INDEX series_for_now_{number} ON {table} ({column})")
    yield
    cursor.execute(
        "SET CONSTRAINTS ALL IMMEDIATE"
    )  # an index goes only when nothing is left to check
    for number in range(len(columns)):
        cursor.execute(f"DROP INDEX series_for_now_{number}")
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def fill_sql(table, bucket, series, parties=()):
    columns = [f"{party}_id" for party in parties]
    key = ", ".join(["bucket", *columns, "series_id"])
    placed = f"{bucket} AS bucket, {series} AS series_id" + "".join(
        f", coalesce(e.{column}, 0) AS {column}" for column in columns
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
