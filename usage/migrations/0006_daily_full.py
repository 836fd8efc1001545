"""A daily rollup by all dimensions, which answers what the narrow ones do not, also after raw
events were dropped."""

from django.conf import settings
from django.db import migrations, models

from usage.migrations._rollups import DAY, fill_sql, plan_for_all_rows, rollup


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        plan_for_all_rows(cursor, "usage_event", "usage_usageseries")
        cursor.execute("SELECT zone FROM usage_rollupcalendar WHERE id = 1")
        row = cursor.fetchone()
        zone = row[0] if row else settings.TIME_ZONE
        cursor.execute(
            fill_sql("usage_usagedailyfull", DAY, "o.id", ("client_key", "credential")),
            {"zone": zone},
        )


class Migration(migrations.Migration):
    dependencies = [("usage", "0005_series_without_parties")]
    operations = [
        rollup(
            "UsageDailyFull",
            "daily usage by all dimensions",
            models.DateField(),
            ("client_key", "credential"),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
