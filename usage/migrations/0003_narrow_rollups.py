"""Room for narrow rollups, and for client key and credential beside the series instead of in it."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

INDEXES = """
CREATE INDEX usage_event_newest_of_key ON usage_event (client_key_id, "timestamp" DESC);
CREATE INDEX usage_event_newest_of_credential ON usage_event (credential_id, "timestamp" DESC);
"""
DROP_INDEXES = "DROP INDEX usage_event_newest_of_key; DROP INDEX usage_event_newest_of_credential;"
TOKENS = (
    "total_tokens",
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "non_reasoning_output_tokens",
    "reasoning_tokens",
    "unclassified_tokens",
)


def reference(to, **options):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=to,
        **options,
    )


def rollup(name, verbose_name_plural, bucket, party=None):
    key = ["bucket", *([f"{party[0]}_id"] if party else []), "series_id"]
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
            *durations,
            (
                "pk",
                models.CompositePrimaryKey(
                    *key, blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("bucket", bucket),
            ("series", reference("usage.usageseries")),
            *([(party[0], reference(party[1], db_constraint=False))] if party else []),
        ],
        options={"verbose_name_plural": verbose_name_plural},
    )


KEY, CREDENTIAL = ("client_key", "providers.clientkey"), ("credential", "providers.credential")


class Migration(migrations.Migration):
    dependencies = [
        ("management_proxy", "0001_initial"),
        ("providers", "0001_initial"),
        ("usage", "0002_partitioned_events"),
    ]
    operations = [
        migrations.RemoveConstraint(
            model_name="usageseries", name="full_series_names_its_narrow_ones"
        ),
        migrations.AddField("usageseries", "by_model", reference("usage.usageseries", null=True)),
        migrations.AddField("usageseries", "by_account", reference("usage.usageseries", null=True)),
        migrations.AlterField(
            model_name="usageseries",
            name="level",
            field=models.CharField(
                choices=[
                    ("full", "all dimensions"),
                    ("model", "upstream, model and failure class"),
                    ("account", "upstream, provider, auth type and failure class"),
                    ("overall", "upstream and failure class"),
                ],
                default="full",
                max_length=14,
            ),
        ),
        migrations.AddField(
            "usageevent",
            "client_key",
            reference("providers.clientkey", null=True, db_constraint=False),
        ),
        migrations.AddField(
            "usageevent",
            "credential",
            reference("providers.credential", null=True, db_constraint=False),
        ),
        migrations.RunSQL(INDEXES, DROP_INDEXES),
        rollup("UsageQuarterHourly", "quarter-hourly usage overall", models.DateTimeField()),
        rollup("UsageHourlyByKey", "hourly usage by client key", models.DateTimeField(), KEY),
        rollup("UsageDailyByKey", "daily usage by client key", models.DateField(), KEY),
        rollup(
            "UsageDailyByKeyAndModel",
            "daily usage by client key and model",
            models.DateField(),
            KEY,
        ),
        rollup(
            "UsageWeeklyByKeyAndModel",
            "weekly usage by client key and model",
            models.DateField(),
            KEY,
        ),
        rollup(
            "UsageDailyByCredential", "daily usage by credential", models.DateField(), CREDENTIAL
        ),
    ]
