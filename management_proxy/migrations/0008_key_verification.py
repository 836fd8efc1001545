from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("management_proxy", "0007_removed_upstreams"),
    ]

    operations = [
        migrations.AddField(
            model_name="upstream",
            name="key_on_trial_until",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="While one caller tries a new key; on the database's clock.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="upstream",
            name="key_verified_digest",
            field=models.BinaryField(
                max_length=32,
                blank=True,
                default=b"",
                help_text="Of the key that was accepted last, and the address.",
            ),
        ),
    ]
