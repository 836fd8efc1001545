"""A rollup of providers by day: that by credential has a hundred times as many rows.

It is filled from the latter, which has all that it sums, also of months whose events were dropped.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

DURATIONS = ("latency", "ttft")
COUNTS = {
    "attempts": "",
    "requests": "",
    "failed": "Attempts that failed.",
    "generated_tokens": "Output of the attempts that succeeded.",
    "generation_ms": "Latency of the attempts that succeeded.",
    "latency_count": "Attempts with a latency above 0; the sum and the histogram cover these.",
    "latency_sum_ms": "",
    "ttft_count": "",
    "ttft_sum_ms": "",
}
PRICED = {
    "priced": "Attempts that have a cost; the others have no price.",
    "failed_cost": "Cost of the attempts that failed.",
}
NULLABLE = {
    "total_tokens": "",
    "uncached_input_tokens": "",
    "cache_read_tokens": "",
    "cache_write_tokens": "",
    "non_reasoning_output_tokens": "",
    "reasoning_tokens": "",
    "unclassified_tokens": "",
    "input_cost": "",
    "cache_read_cost": "",
    "cache_write_cost": "",
    "output_cost": "",
    "list_cost": "The same by the price list.",
    "cache_savings": "What the cached tokens would have cost more as plain input.",
}
BINS = "Bins of usage/rollups/histograms.py that are not empty, ascending."


def whole_number(help_text, **options):
    return models.BigIntegerField(**({"help_text": help_text} if help_text else {}), **options)


def list_of(field, help_text=""):
    array = django.contrib.postgres.fields.ArrayField
    return array(base_field=field, size=None, **({"help_text": help_text} if help_text else {}))


def histogram(measure):
    return [
        (f"{measure}_bins", list_of(models.SmallIntegerField(), BINS * (measure == "latency"))),
        (f"{measure}_counts", list_of(models.IntegerField())),
    ]


def fill_sql():
    sums = [*COUNTS, *PRICED, *NULLABLE]
    maxima = [f"{measure}_max_ms" for measure in DURATIONS]
    lists = [f"{measure}_{part}" for measure in DURATIONS for part in ("bins", "counts")]
    histograms = " ".join(
        f"""
        LEFT JOIN (
            SELECT bucket, series_id, array_agg(bin ORDER BY bin) AS {measure}_bins,
                array_agg(n ORDER BY bin) AS {measure}_counts
            FROM (
                SELECT bucket, series_id, bin, sum(n)::int AS n
                FROM (
                    SELECT bucket, series_id, unnest({measure}_bins) AS bin,
                        unnest({measure}_counts) AS n
                    FROM usage_usagedailybycredential
                ) AS of_credentials GROUP BY 1, 2, 3
            ) AS bins GROUP BY 1, 2
        ) AS {measure} USING (bucket, series_id)"""
        for measure in DURATIONS
    )
    return f"""
    INSERT INTO usage_usagedailybyprovider
        (bucket, series_id, {", ".join([*sums, *maxima, *lists])})
    SELECT sums.*, {", ".join(f"coalesce({name}, '{{}}')" for name in lists)}
    FROM (
        SELECT bucket, series_id, {", ".join(f"usage_sum({name})" for name in sums)},
            {", ".join(f"max({name})" for name in maxima)}
        FROM usage_usagedailybycredential GROUP BY 1, 2
    ) AS sums {histograms}
    """


class Migration(migrations.Migration):
    dependencies = [("usage", "0028_saved_views")]

    operations = [
        migrations.CreateModel(
            name="UsageDailyByProvider",
            # Lists last, as every sum would walk over them.
            fields=[
                ("bucket", models.DateField()),
                (
                    "series",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="usage.usageseries",
                    ),
                ),
                *((name, whole_number(text)) for name, text in COUNTS.items()),
                *((f"{measure}_max_ms", whole_number("")) for measure in DURATIONS),
                *(
                    (name, whole_number(text, default=0, db_default=0))
                    for name, text in PRICED.items()
                ),
                *((name, whole_number(text, null=True)) for name, text in NULLABLE.items()),
                *histogram("latency"),
                *histogram("ttft"),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "bucket",
                        "series_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
            ],
            options={"verbose_name_plural": "daily usage by provider"},
        ),
        migrations.RunSQL(fill_sql(), migrations.RunSQL.noop),
        migrations.RunSQL("ANALYZE usage_usagedailybyprovider", migrations.RunSQL.noop),
    ]
