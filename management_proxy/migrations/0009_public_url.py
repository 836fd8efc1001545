from django.db import migrations, models

import management_proxy.models.upstreams


class Migration(migrations.Migration):
    dependencies = [
        ("management_proxy", "0008_key_verification"),
    ]

    operations = [
        migrations.AddField(
            model_name="upstream",
            name="public_url",
            field=models.CharField(
                blank=True,
                default="",
                help_text=(
                    "Where clients reach it, for instance https://llm.example.com; shown under"
                    " “Connect a client”."
                ),
                max_length=500,
                validators=[management_proxy.models.upstreams.validate_public_url],
                verbose_name="public address",
            ),
            preserve_default=False,
        ),
    ]
