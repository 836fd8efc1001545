from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0008_alerts")]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="details",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="The detail by language, where it is not in the installation's.",
            ),
        ),
        migrations.AddField(
            model_name="alertchannel",
            name="language",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Of the messages; empty: the installation's.",
                max_length=20,
            ),
        ),
    ]
