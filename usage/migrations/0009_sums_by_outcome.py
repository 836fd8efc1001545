"""Room for sums by outcome, with which narrow rollups need no failure classes, and for a rollup by
model."""

from django.db import migrations, models

from usage.migrations._rollups import OUTCOME_SUMS, reference, rollup

HELD = (
    "usagequarterhourly",
    "usagehourly",
    "usagehourlybykey",
    "usagedailyfull",
    "usagedailyoverall",
    "usagedailybykey",
    "usagedailybykeyandmodel",
    "usagedailybycredential",
)


class Migration(migrations.Migration):
    dependencies = [("usage", "0008_index_of_failures")]
    operations = [
        migrations.RemoveConstraint("usageseries", "full_series_names_its_narrow_ones"),
        migrations.AddField(
            "usageseries", "by_upstream", reference("usage.usageseries", null=True)
        ),
        migrations.AlterField(
            model_name="usageseries",
            name="level",
            field=models.CharField(
                choices=[
                    ("full", "all dimensions"),
                    ("model", "upstream and model"),
                    ("account", "upstream, provider and auth type"),
                    ("overall", "upstream and failure class"),
                    ("upstream", "upstream"),
                ],
                default="full",
                max_length=14,
            ),
        ),
        *[
            migrations.AddField(
                table,
                name,
                models.BigIntegerField(default=0, help_text=help_text),
                preserve_default=False,
            )
            for table in HELD
            for name, help_text in OUTCOME_SUMS.items()
        ],
        migrations.DeleteModel("UsageWeeklyByKeyAndModel"),
        rollup("UsageDailyByModel", "daily usage by model", models.DateField(), outcome=True),
    ]
