"""The newest failures, which are few among many events; only they have a body."""

from django.db import migrations

CREATE = (
    'CREATE INDEX usage_event_newest_failure ON usage_event ("timestamp" DESC, id DESC) WHERE'
    " fail_body IS NOT NULL"
)
DROP = "DROP INDEX usage_event_newest_failure"


class Migration(migrations.Migration):
    dependencies = [("usage", "0007_pruned_months")]
    operations = [migrations.RunSQL(CREATE, DROP)]
