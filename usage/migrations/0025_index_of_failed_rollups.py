"""The few rows of the largest rollup that hold failures, which the Failures page sums."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("usage", "0024_budgets")]
    operations = [
        migrations.AddIndex(
            "usagedaily",
            models.Index(
                fields=["bucket"],
                condition=models.Q(failed__gt=0),
                name="usage_daily_failed",
            ),
        ),
    ]
