"""The event table, range-partitioned by month, which Django cannot express."""

import django.db.models.deletion
from django.db import migrations, models

CREATE = """
CREATE SEQUENCE usage_event_id_seq AS bigint CACHE 1;
CREATE TABLE usage_event (
    id bigint NOT NULL DEFAULT nextval('usage_event_id_seq'),
    "timestamp" timestamptz NOT NULL,
    digest uuid NOT NULL,
    series_id bigint NOT NULL,
    request_id varchar(64) NOT NULL,
    is_first_attempt boolean NOT NULL,
    latency_ms bigint NOT NULL CHECK (latency_ms >= 0),
    ttft_ms bigint CHECK (ttft_ms > 0),
    total_tokens bigint,
    uncached_input_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    non_reasoning_output_tokens bigint,
    reasoning_tokens bigint,
    unclassified_tokens bigint,
    token_quality varchar(12) NOT NULL,
    reported_input_tokens bigint,
    reported_output_tokens bigint,
    reported_reasoning_tokens bigint,
    reported_cached_tokens bigint,
    reported_cache_read_tokens bigint,
    reported_cache_creation_tokens bigint,
    reported_total_tokens bigint,
    fail_status integer,
    fail_body text,
    details jsonb,
    PRIMARY KEY (id, "timestamp"),
    -- The identity of an event: a second insert of the same one does nothing.
    UNIQUE (digest, "timestamp")
) PARTITION BY RANGE ("timestamp");
ALTER SEQUENCE usage_event_id_seq OWNED BY usage_event.id;
-- Newest first, and any range.
CREATE INDEX usage_event_newest ON usage_event ("timestamp" DESC, id DESC);
-- The newest of some series.
CREATE INDEX usage_event_newest_of_series ON usage_event (series_id, "timestamp" DESC);
-- The other attempts of a client request.
CREATE INDEX usage_event_request ON usage_event (request_id, "timestamp") WHERE request_id <> '';
"""
DROP = "DROP TABLE usage_event;"


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_initial")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CREATE, DROP)],
            state_operations=[
                migrations.CreateModel(
                    name="UsageEvent",
                    fields=[
                        ("total_tokens", models.BigIntegerField(null=True)),
                        ("uncached_input_tokens", models.BigIntegerField(null=True)),
                        ("cache_read_tokens", models.BigIntegerField(null=True)),
                        ("cache_write_tokens", models.BigIntegerField(null=True)),
                        ("non_reasoning_output_tokens", models.BigIntegerField(null=True)),
                        ("reasoning_tokens", models.BigIntegerField(null=True)),
                        ("unclassified_tokens", models.BigIntegerField(null=True)),
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "id",
                                "timestamp",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("id", models.BigIntegerField()),
                        ("timestamp", models.DateTimeField(help_text="Start of the attempt.")),
                        (
                            "digest",
                            models.UUIDField(
                                help_text=(
                                    "First half of the SHA-256 over upstream and canonical JSON:"
                                    " the identity of the event."
                                )
                            ),
                        ),
                        (
                            "series",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="usage.usageseries",
                            ),
                        ),
                        ("request_id", models.CharField(max_length=64)),
                        (
                            "is_first_attempt",
                            models.BooleanField(
                                help_text=(
                                    "Whether this attempt counts its client request (contract 2.6)."
                                )
                            ),
                        ),
                        ("latency_ms", models.BigIntegerField()),
                        (
                            "ttft_ms",
                            models.BigIntegerField(
                                help_text="Empty when not reported or no byte arrived.", null=True
                            ),
                        ),
                        ("token_quality", models.CharField(max_length=12)),
                        ("reported_input_tokens", models.BigIntegerField(null=True)),
                        ("reported_output_tokens", models.BigIntegerField(null=True)),
                        ("reported_reasoning_tokens", models.BigIntegerField(null=True)),
                        ("reported_cached_tokens", models.BigIntegerField(null=True)),
                        ("reported_cache_read_tokens", models.BigIntegerField(null=True)),
                        ("reported_cache_creation_tokens", models.BigIntegerField(null=True)),
                        ("reported_total_tokens", models.BigIntegerField(null=True)),
                        ("fail_status", models.IntegerField(null=True)),
                        (
                            "fail_body",
                            models.TextField(
                                help_text="Secrets masked, cut to 4,000 characters.", null=True
                            ),
                        ),
                        (
                            "details",
                            models.JSONField(
                                help_text=(
                                    "Client address, user agent, tier of the answer, harmless"
                                    " answer headers."
                                ),
                                null=True,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "usage_event",
                    },
                ),
            ],
        ),
    ]
