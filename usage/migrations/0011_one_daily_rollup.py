"""The daily rollup is the one by all dimensions, and every full series must name its narrow ones
again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("usage", "0010_sum_by_outcome")]
    operations = [
        migrations.DeleteModel("UsageDaily"),
        migrations.RenameModel("UsageDailyFull", "UsageDaily"),
        migrations.AlterModelOptions("UsageDaily", {"verbose_name_plural": "daily usage"}),
        migrations.AddConstraint(
            model_name="usageseries",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("level", "full"), _negated=True),
                    models.Q(
                        ("by_account__isnull", False),
                        ("by_model__isnull", False),
                        ("by_upstream__isnull", False),
                        ("overall__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="full_series_names_its_narrow_ones",
            ),
        ),
    ]
