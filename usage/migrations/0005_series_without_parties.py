"""What the narrow rollups replace goes, and every full series must name its narrow ones again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("usage", "0004_move_parties_out_of_series")]
    operations = [
        migrations.RemoveField("usageseries", "client_key"),
        migrations.RemoveField("usageseries", "credential"),
        migrations.RemoveField("usageseries", "key_and_model"),
        migrations.DeleteModel("UsageDailyByModel"),
        migrations.AddConstraint(
            model_name="usageseries",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("level", "full"), _negated=True),
                    models.Q(
                        ("by_account__isnull", False),
                        ("by_model__isnull", False),
                        ("overall__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="full_series_names_its_narrow_ones",
            ),
        ),
    ]
