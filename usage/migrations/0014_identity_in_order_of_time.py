"""The index of identities in order of time: what comes in is recent, so its entries lie side by
side.

With the digest first, every event touched a page of its own anywhere in an index that grows with
the month.
"""

from django.db import migrations

REPLACE = "ALTER TABLE usage_event DROP CONSTRAINT {}, ADD CONSTRAINT {} UNIQUE ({})"
BEFORE, AFTER = (
    ("usage_event_digest_timestamp_key", 'digest, "timestamp"'),
    ("usage_event_identity", '"timestamp", digest'),
)


class Migration(migrations.Migration):
    dependencies = [("usage", "0013_pushed_runs")]
    operations = [
        migrations.RunSQL(REPLACE.format(BEFORE[0], *AFTER), REPLACE.format(AFTER[0], *BEFORE))
    ]
