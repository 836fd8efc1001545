"""The event table (range-partitioned by month, which Django cannot express) and the calendar of the daily rollup."""

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

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


def set_calendar(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("usage", "RollupCalendar").objects.get_or_create(id=1, defaults={"zone": settings.TIME_ZONE})


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_initial")]
    operations = [
        migrations.RunSQL(CREATE, DROP),
        migrations.RunPython(set_calendar, migrations.RunPython.noop),
    ]
